// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { serverNow } from '../api.js';
import { h, keyedList, setAttr, setText } from '../dom.js';
import { bytes, duration, number, parseTime } from '../format.js';
import { href } from '../router.js';
import { badge, isOpen, stateText } from './badge.js';
import { setSpan, setTime } from './time.js';

const TICK_MS = 1000;

const COLUMNS = [
  ['Started', 'col-started'], ['State', 'col-state'], ['Input', 'col-input'], ['Lane', 'col-lane'], ['Window', 'col-window'], ['New rows', 'num'],
  ['Known', 'num'], ['Size', 'num'], ['Requests', 'num'], ['Took', 'num col-took'],
];

/**
 * A table of jobs. Each row is one link to its job; the time a job has taken runs on between two answers. On a narrow
 * screen the rows become cards, hence the explicit roles: a table that is laid out otherwise loses its own.
 * @returns {{element: HTMLElement, show: (jobs: object[]) => void, stop: () => void}}
 */
export function jobTable() {
  const body = h('tbody', { role: 'rowgroup' });
  const element = h('table', { class: 'jobs', role: 'table' },
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' },
      COLUMNS.map(([name, kind]) => h('th', { scope: 'col', role: 'columnheader', class: kind }, name)))),
    body);
  const clocks = new Map();
  const show = keyedList(body, (job) => job.id, (job) => {
    const row = jobRow(job);
    clocks.set(job.id, row.tick);
    return row;
  });
  const timer = setInterval(() => clocks.forEach((tick) => tick()), TICK_MS);
  return {
    element,
    show(jobs) {
      show(jobs);
      const kept = new Set(jobs.map(({ id }) => id));
      for (const id of clocks.keys()) if (!kept.has(id)) clocks.delete(id);
    },
    stop: () => clearInterval(timer),
  };
}

function jobRow({ id }) {
  const state = badge();
  const time = h('time');
  const link = h('a', { class: 'row-link', href: href('job', {}, id) }, time);
  const window = h('span', { class: 'job-window' });
  // What to do, or what went wrong where nobody knows.
  const error = h('p', { class: 'job-error' });
  const lane = h('span', { class: 'lane' });
  const input = h('span', { class: 'job-input' });
  const [rows, known, size, requests, took] = Array.from({ length: 5 }, () => h('span'));
  const cells = [link, state.element, input, lane, [window, error], rows, known, size, requests, took];
  const element = h('tr', { role: 'row', dataset: { job: id } },
    cells.map((cell, i) => h('td', { role: 'cell', class: COLUMNS[i][1], dataset: { label: COLUMNS[i][0] } }, cell)));
  let current;

  const tick = () => setText(took, duration(elapsed(current)));
  return {
    element,
    tick,
    update(job) {
      current = job;
      element.dataset.state = job.state;
      setTime(time, job.started || job.tick);
      setAttr(link, 'aria-label', `Job of ${job.input}, ${job.lane}, ${stateText(job)}, ${time.textContent}`);
      state.setState(job);
      setText(input, job.input);
      setAttr(input, 'title', job.input);
      setText(lane, job.lane);
      setSpan(window, job.window);
      error.hidden = !job.error && !job.hint;
      setText(error, job.hint || job.error);
      setAttr(error, 'title', job.hint ? job.error : null);
      setFigure(rows, number, job.rows?.accepted);
      setFigure(known, number, job.rows?.duplicate);
      setFigure(size, bytes, job.bytes);
      setFigure(requests, number, job.requests);
      tick();
    },
  };
}

// Zeros are less prominent.
function setFigure(element, format, value) {
  setText(element, format(value));
  element.classList.toggle('muted', !value);
}

/** How long a job took, or has taken so far, in seconds. */
export function elapsed(job) {
  const started = parseTime(job.started);
  if (!isOpen(job)) return job.duration_s;
  return started ? Math.max(0, (serverNow() - started) / 1000) : undefined;
}
