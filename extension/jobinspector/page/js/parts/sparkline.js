// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { serverNow } from '../api.js';
import { setAttr, svg } from '../dom.js';
import { number, plural } from '../format.js';

/** The minutes that a sparkline shows. */
export const SPARK_MINUTES = 120;

const MINUTES_PER_BAR = 5;
const BARS = SPARK_MINUTES / MINUTES_PER_BAR;
const HEIGHT = 36;

/** Accepted rows of the last two hours; the text has the sum. */
export function sparkline() {
  const element = svg('svg', { class: 'sparkline', viewBox: `0 0 ${BARS * 10} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' });
  return {
    element,
    /** @param {{minute: string, rows_accepted: number}[]} points */
    set(points) {
      const rows = perBar(points);
      const most = Math.max(...rows, 1);
      const sum = rows.reduce((a, b) => a + b, 0);
      setAttr(element, 'aria-label', `${plural(sum, 'row')} in the last two hours, at most ${number(Math.max(...rows))} in ${MINUTES_PER_BAR} minutes`);
      element.replaceChildren(...rows.map((value, i) => bar(i, value, most)));
      return sum;
    },
  };
}

function bar(i, value, most) {
  const height = value === 0 ? 1 : Math.max(2, (value / most) * HEIGHT);
  return svg('rect', { class: value === 0 ? 'is-empty' : null, x: i * 10 + 1, width: 8, y: HEIGHT - height, height });
}

function perBar(points) {
  const rows = new Array(BARS).fill(0);
  const width = MINUTES_PER_BAR * 60_000;
  const last = Math.floor(serverNow() / width);
  for (const point of points) {
    const i = BARS - 1 - (last - Math.floor(Date.parse(point.minute) / width));
    if (i >= 0 && i < BARS) rows[i] += point.rows_accepted ?? 0;
  }
  return rows;
}
