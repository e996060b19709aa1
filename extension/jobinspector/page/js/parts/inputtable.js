// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { serverNow } from '../api.js';
import { h, keyedList, setAttr, setText } from '../dom.js';
import { duration, number, parseTime, relative } from '../format.js';
import { href } from '../router.js';
import { badge } from './badge.js';
import { lagText, quotaText, setDetailsWaiting } from './inputcard.js';
import { isRunning, percent, timeLeft } from './progress.js';
import { setTime } from './time.js';

const COLUMNS = [
  ['Input', 'col-input'], ['State', 'col-health'], ['Live mail', 'col-lag'], ['Complete up to', 'col-complete'], ['Quota', 'num'],
  ['Jobs', 'num'], ['Next tick', 'num'], ['Delivered', 'num'],
];

/** From how many inputs on a line for each is shown instead of a card. */
export const DENSE_FROM = 12;

/** A line for each input. Each is one link to its card. Laid out as the table of jobs is. */
export function inputTable() {
  const body = h('tbody', { role: 'rowgroup' });
  const element = h('table', { class: 'jobs inputs', role: 'table' },
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' },
      COLUMNS.map(([name, kind]) => h('th', { scope: 'col', role: 'columnheader', class: kind }, name)))),
    body);
  return { element, show: keyedList(body, (input) => input.id, inputRow) };
}

function inputRow({ id }) {
  const link = h('a', { class: 'row-link', href: href('overview', { input: id }) }, id);
  const health = badge();
  const hint = h('p', { class: 'job-error' });
  const complete = h('time');
  const left = h('span', { class: 'muted progress-text' });
  const [lag, quota, running, next, rows] = Array.from({ length: 5 }, () => h('span'));
  const details = h('span', { class: 'muted progress-text' });
  const cells = [[link, hint], health.element, lag, [complete, left], quota, running, next, [rows, details]];
  const element = h('tr', { role: 'row', dataset: { input: id } },
    cells.map((cell, i) => h('td', { role: 'cell', class: COLUMNS[i][1], dataset: { label: COLUMNS[i][0] } }, cell)));
  return {
    element,
    update(input) {
      health.setInput(input);
      element.dataset.health = health.element.dataset.health;
      hint.hidden = !input.health?.hint;
      setText(hint, input.health?.hint);
      setText(lag, lagText(input));
      setTime(complete, input.complete_up_to);
      left.hidden = !isRunning(input.backfill);
      if (!left.hidden) setText(left, [`${percent(input.backfill)} read`, Number.isFinite(input.backfill.eta_s) && timeLeft(input.backfill)].filter(Boolean).join(' · '));
      setText(quota, quotaText(input.quota));
      setText(running, number(input.jobs_running ?? 0));
      const tick = parseTime(input.next_tick);
      setText(next, tick ? relative(tick, serverNow()) : 'none');
      setAttr(next, 'title', input.poll_interval_s && `every ${duration(input.poll_interval_s)}`);
      setText(rows, number(input.rows_accepted));
      setDetailsWaiting(details, input);
    },
  };
}
