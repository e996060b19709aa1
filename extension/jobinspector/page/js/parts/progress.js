// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { h, setAttr, setText } from '../dom.js';
import { duration } from '../format.js';

/** How long a backfill still takes, roughly, as its estimate is: "about 3 h left". */
export function timeLeft({ eta_s: seconds }) {
  return Number.isFinite(seconds) ? `about ${rounded(seconds)} left` : 'time left not known yet';
}

// An estimate has one unit: "about 3 h", not "about 2 h 58 min".
function rounded(seconds) {
  const units = [[86_400, 36 * 3600, 'd'], [3600, 90 * 60, 'h'], [60, 60, 'min']];
  const [size, , name] = units.find(([, from]) => seconds >= from) ?? [];
  return name ? `${Math.round(seconds / size)} ${name}` : 'a minute';
}

/** The share that has been read. It is not rounded up to all. */
export function percent({ share }) {
  return `${Math.floor((share ?? 0) * 100)} %`;
}

/** The progress of a backfill: a bar and "42 % · about 3 h left"; hidden while there is none. */
export function progressBar() {
  const text = h('span');
  const fill = h('span', { class: 'meter-fill' });
  const meter = h('div', { class: 'meter', role: 'progressbar', 'aria-label': 'Backfill', 'aria-valuemin': '0', 'aria-valuemax': '100' }, fill);
  const element = h('div', { class: 'progress', hidden: true }, meter, h('p', { class: 'progress-text' }, text));
  return {
    element,
    /** @param {{total_s: number, open_s: number, share: number, eta_s: number?}?} backfill */
    set(backfill) {
      element.hidden = !isRunning(backfill);
      if (element.hidden) return;
      setText(text, `${percent(backfill)} read · ${timeLeft(backfill)}`);
      setAttr(element, 'title', `${duration(backfill.open_s)} of ${duration(backfill.total_s)} of older mail are still to be read.`);
      fill.style.setProperty('width', `${(backfill.share * 100).toFixed(1)}%`);
      setAttr(meter, 'aria-valuenow', Math.floor(backfill.share * 100));
      setAttr(meter, 'aria-valuetext', text.textContent);
    },
  };
}

/** Whether older mail is still to be read. */
export function isRunning(backfill) {
  return Boolean(backfill) && backfill.open_s > 0;
}
