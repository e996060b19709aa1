// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { h, setAttr, setText } from '../dom.js';
import { number, plural } from '../format.js';

const OUTCOMES = [
  ['accepted', 'Delivered', 'The pipeline has accepted them.'],
  ['duplicate', 'Known', 'Delivered before, with the same status.'],
  ['held', 'Held back', 'statuses: final waits for their last status.'],
  ['filtered', 'Outside', 'Received outside the window asked for.'],
  ['refused', 'Refused', 'The pipeline refused them for good.'],
  ['malformed', 'Malformed', 'No JSON objects. Each counts once more as what became of it.'],
];

/** What became of the rows of a job: a stacked bar, and a figure for each outcome. */
export function outcomes() {
  const parts = OUTCOMES.map(([key, name, meaning]) => {
    const value = h('span');
    const segment = h('span', { class: `stack-part is-${key}` });
    const line = h('div', { class: `outcome is-${key}`, title: meaning }, h('dt', null, name), h('dd', null, value));
    return { key, value, segment, line };
  });
  // Malformed rows are among the others already.
  const stacked = parts.filter(({ key }) => key !== 'malformed');
  const bar = h('div', { class: 'stack', role: 'img' }, stacked.map(({ segment }) => segment));
  return {
    element: h('div', { class: 'outcomes' }, bar, h('dl', null, parts.map(({ line }) => line))),
    /** @param {Object<string, number>} rows counts by outcome */
    set(rows) {
      const total = stacked.reduce((sum, { key }) => sum + (rows[key] ?? 0), 0);
      for (const { key, value, segment, line } of parts) {
        const count = rows[key] ?? 0;
        setText(value, number(count));
        line.classList.toggle('is-none', count === 0);
        segment.hidden = count === 0;
        segment.style.setProperty('flex-grow', String(count));
      }
      setAttr(bar, 'aria-label', `${plural(total, 'row')} read`);
      bar.classList.toggle('is-empty', total === 0);
    },
  };
}
