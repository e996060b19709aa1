// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { top } from '../api.js';
import { h, icon, keyedList, setText } from '../dom.js';
import { featureChanges, features } from '../features.js';
import { number } from '../format.js';
import { poll } from '../poll.js';
import { authorized } from './unlock.js';

const TOP_MS = 10_000;

/** Who sent and who got most mail of the last hour. Hidden where live capture is off, locked where the token is missing. */
export function topLists() {
  const senders = list('Top senders');
  const recipients = list('Top recipients');
  const lists = h('div', { class: 'job-columns' }, senders.element, recipients.element);
  const locked = h('section', { class: 'card top-locked' },
    h('h2', { class: 'card-title' }, 'Top senders and recipients'),
    h('p', { class: 'muted' }, 'Addresses of people need the token that the collector logged when it started.'),
    h('button', { class: 'button', type: 'button', onclick: authorized }, icon('lock'), 'Enter the token'));
  const element = h('div', { class: 'top-lists' }, lists, locked);
  let query = {};
  let poller = null;

  const restart = () => {
    poller?.stop();
    poller = null;
    const possible = features.capture && !features.readOnly;
    element.hidden = !possible;
    locked.hidden = features.authorized;
    lists.hidden = !features.authorized;
    if (!possible || !features.authorized) return;
    poller = poll({
      load: (signal) => top(query, signal),
      show: (answer) => {
        senders.set(answer.senders);
        recipients.set(answer.recipients);
      },
      interval: TOP_MS,
    });
  };
  featureChanges.addEventListener('change', restart);
  return {
    element,
    /** @param {{input?: string}} next */
    show(next) {
      query = next;
      restart();
    },
    stop() {
      featureChanges.removeEventListener('change', restart);
      poller?.stop();
    },
  };
}

function list(name) {
  const items = h('ol', { class: 'top-list', 'aria-label': name });
  const none = h('p', { class: 'muted' }, 'Nothing new in the last hour.');
  const show = keyedList(items, ({ address }) => address, ({ address }) => {
    const count = h('span');
    const fill = h('span', { class: 'meter-fill' });
    return {
      element: h('li', null, h('span', { class: 'top-address' }, address), count, h('div', { class: 'meter', 'aria-hidden': 'true' }, fill)),
      update({ rows, at_most: most, share }) {
        setText(count, rows === most ? number(rows) : `${number(rows)} to ${number(most)}`);
        fill.style.setProperty('width', `${(share * 100).toFixed(1)}%`);
      },
    };
  });
  return {
    element: h('section', { class: 'card' },
      h('div', { class: 'section-head' }, h('h2', { class: 'card-title' }, name), h('p', { class: 'muted chart-note' }, 'new rows of mail of the last hour')),
      items, none),
    set(counts) {
      const largest = Math.max(1, ...counts.map(({ rows }) => rows));
      show(counts.map((each) => ({ ...each, share: each.rows / largest })));
      none.hidden = counts.length > 0;
    },
  };
}
