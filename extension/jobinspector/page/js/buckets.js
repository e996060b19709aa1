// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

const WIDTHS = [1, 2, 5, 10, 15, 30, 60];
/** What accepted rows are counted by, in the order in which bars are stacked. `other` is the rest. */
export const STATUSES = [
  'delivered', 'resolved', 'expanded', 'gettingStatus', 'pending', 'quarantined', 'filteredAsSpam', 'recalled', 'failed', 'other',
];
export const DIRECTIONS = ['inbound', 'outbound', 'internal', 'external', 'other'];

const NAMES = ['rows_received', 'rows_accepted', 'bytes_received', 'bytes_accepted', 'jobs', 'failures'];

/** How many minutes one bar covers, so that there are at most so many bars. */
export function bucketWidth(minutes, mostBars) {
  return WIDTHS.find((width) => minutes / width <= mostBars) ?? WIDTHS.at(-1);
}

/**
 * Adds up points of a minute each. Minutes without a point count as zero, so that gaps in the series do not hide.
 * @param {object[]} points
 * @param {{minutes: number, width: number, now: Date}} options minutes to show, minutes per bucket
 * @returns {{times: number[], statuses: number[][], directions: number[][]} & Object<string, number[]>} times are the beginnings of
 *   the buckets, in seconds since 1970; statuses and directions have a list for each of STATUSES and DIRECTIONS
 */
export function toBuckets(points, { minutes, width, now }) {
  const step = width * 60;
  const last = Math.floor(now / 1000 / step);
  const count = Math.ceil(minutes / width);
  const first = last - count + 1;
  const result = { times: Array.from({ length: count }, (_, i) => (first + i) * step) };
  for (const name of NAMES) result[name] = new Array(count).fill(0);
  result.statuses = STATUSES.map(() => new Array(count).fill(0));
  result.directions = DIRECTIONS.map(() => new Array(count).fill(0));
  for (const point of points) {
    const i = Math.floor(Date.parse(point.minute) / 1000 / step) - first;
    if (!(i >= 0 && i < count)) continue;
    for (const name of NAMES) result[name][i] += point[name] ?? 0;
    STATUSES.forEach((name, n) => { result.statuses[n][i] += point.statuses?.[name] ?? 0; });
    DIRECTIONS.forEach((name, n) => { result.directions[n][i] += point.directions?.[name] ?? 0; });
  }
  return result;
}
