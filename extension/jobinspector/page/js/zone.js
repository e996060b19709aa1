// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { h } from './dom.js';
import { useUTC, zone } from './format.js';

const KEY = 'o365messagetrace.zone';

/** Dispatches "change" when times are to be shown in another zone. */
export const zoneChanges = new EventTarget();

/** Makes a select choose between the zone of the browser and UTC. */
export function bindZone(select) {
  select.append(h('option', { value: '' }, zone()), h('option', { value: 'utc' }, 'UTC'));
  // There is nothing to choose.
  if (zone() === 'UTC') select.lastElementChild.remove();
  select.value = saved();
  useUTC(select.value === 'utc');
  select.addEventListener('change', () => {
    try {
      localStorage.setItem(KEY, select.value);
    } catch {
      // No storage: the choice holds until the reload.
    }
    useUTC(select.value === 'utc');
    zoneChanges.dispatchEvent(new Event('change'));
  });
}

function saved() {
  try {
    return localStorage.getItem(KEY) === 'utc' && zone() !== 'UTC' ? 'utc' : '';
  } catch {
    return '';
  }
}
