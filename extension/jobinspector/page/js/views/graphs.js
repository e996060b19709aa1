// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { serverNow, series } from '../api.js';
import { bucketWidth, DIRECTIONS, STATUSES, toBuckets } from '../buckets.js';
import { h, setChildren } from '../dom.js';
import { bytes, label, number } from '../format.js';
import { barChart } from '../parts/chart.js';
import { inputFilters, segments, summaryLine } from '../parts/filters.js';
import { errorPanel } from '../parts/panels.js';
import { topLists } from '../parts/toplists.js';
import { poll } from '../poll.js';

const SERIES_MS = 5000;
const BAR_PX = 9;
const RANGES = [['30', '30 min'], ['', '1 h'], ['240', '4 h'], ['720', '12 h']];
const DEFAULT_MINUTES = 60;

export const title = 'Graphs';

/** Rows, bytes and jobs over time, of one input or of all, and who sent and got most mail lately. */
export function mount(root) {
  const { input, stop } = inputFilters();
  const range = segments({ name: 'minutes', label: 'Range', choices: RANGES });
  const summary = summaryLine();
  const charts = {
    rows: barChart({
      name: 'Rows', format: number, sync: 'graphs',
      series: [{ label: 'Received', color: '--chart-back' }, { label: 'Delivered', color: '--chart-front' }],
    }),
    statuses: barChart({
      name: 'Delivered rows by status', format: number, sync: 'graphs', stacked: true,
      series: STATUSES.map((name) => ({ label: label(name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`)), color: `--status-${name.toLowerCase()}` })),
    }),
    directions: barChart({
      name: 'Delivered rows by direction', format: number, sync: 'graphs', stacked: true,
      series: DIRECTIONS.map((name) => ({ label: name === 'other' ? 'Not known' : label(name), color: `--direction-${name}` })),
    }),
    bytes: barChart({
      name: 'Bytes', format: bytes, sync: 'graphs',
      series: [{ label: 'Received', color: '--chart-back' }, { label: 'Delivered', color: '--chart-front' }],
    }),
    jobs: barChart({
      name: 'Jobs', format: number, sync: 'graphs',
      series: [{ label: 'Jobs', color: '--chart-back' }, { label: 'Failed', color: '--chart-bad' }],
    }),
  };
  const all = h('div', { class: 'charts' }, Object.values(charts).map(({ element }) => element));
  const top = topLists();
  const body = h('div', null, all, top.element);
  root.append(
    h('div', { class: 'view-head' }, h('h1', { tabindex: '-1' }, title), summary.element),
    h('div', { class: 'filters' }, input.element, range.element), body);

  let query = null;
  let poller = null;
  let seen = false;

  const show = (points) => {
    seen = true;
    setChildren(body, all, top.element);
    const minutes = minutesOf(query);
    const width = bucketWidth(minutes, Math.max(20, body.clientWidth / BAR_PX));
    const buckets = toBuckets(points, { minutes, width, now: serverNow() });
    const per = width === 1 ? 'per minute' : `per ${width} min`;
    charts.rows.set(per, [buckets.times, buckets.rows_received, buckets.rows_accepted]);
    charts.statuses.set(per, [buckets.times, ...buckets.statuses]);
    charts.directions.set(per, [buckets.times, ...buckets.directions]);
    const none = points.some(({ directions }) => directions?.other) && points.every(({ directions }) => Object.keys(directions ?? {}).every((name) => name === 'other'));
    charts.directions.setNote(none ? 'Name the domains of the tenant in local_domains of the receiver to see inbound, outbound and internal mail.' : '');
    charts.bytes.set(per, [buckets.times, buckets.bytes_received, buckets.bytes_accepted]);
    charts.jobs.set(per, [buckets.times, buckets.jobs, buckets.failures]);
    const idle = points.every((point) => !point.jobs && !point.rows_received);
    summary.set(idle ? 'No job ran in this time. Take a longer range, or see in Overview when the next tick is.' : '');
  };

  return {
    update(route) {
      const changed = JSON.stringify(route.query) !== JSON.stringify(query);
      query = route.query;
      input.set(query.input);
      range.set(minutesOf(query) === DEFAULT_MINUTES ? '' : query.minutes);
      if (!changed) return;
      top.show({ input: query.input });
      poller?.stop();
      poller = poll({
        load: (signal) => series({ input: query.input, minutes: minutesOf(query) }, signal),
        show,
        fail: (error) => { if (!seen) setChildren(body, errorPanel(error, () => poller.refresh())); },
        interval: SERIES_MS,
      });
    },
    stop() {
      poller?.stop();
      top.stop();
      for (const chart of Object.values(charts)) chart.stop();
      stop();
    },
  };
}

function minutesOf({ minutes = '' }) {
  return RANGES.some(([value]) => value === minutes) ? Number(minutes || DEFAULT_MINUTES) : DEFAULT_MINUTES;
}
