// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import uPlot from '../../vendor/uplot/uPlot.esm.js';
import { h, setAttr, setText } from '../dom.js';
import { chosenZone, clock, day } from '../format.js';
import { color, themeChanges } from '../theme.js';

const HEIGHT = 180;

/** As many series are all in the legend, whether they occur or not. */
const FEW = 2;

/**
 * A chart of bars over time in a card, with a legend that shows the bar under the pointer, or the sums.
 * @param {object} options
 * @param {string} options.name
 * @param {(value: number) => string} options.format
 * @param {string} options.sync charts with the same key share the pointer
 * @param {{label: string, color: string}[]} options.series color names a custom property
 * @param {boolean} [options.stacked] bars stand on one another, the first at the bottom; else each is painted over the one before
 */
export function barChart({ name, format, sync, series, stacked = false }) {
  const width = h('span', { class: 'muted' });
  const legend = legendRow(series, format);
  const frame = h('div', { class: 'chart-frame', role: 'img' });
  const note = h('p', { class: 'muted chart-note', hidden: true });
  const element = h('section', { class: 'card chart' },
    h('div', { class: 'section-head' }, h('h2', { class: 'card-title' }, name, ' ', width), legend.element), frame, note);
  // Bars of a stack reach down to the ground, so the highest is painted first.
  const painted = stacked ? series.toReversed() : series;
  const toPaint = ([times, ...lists]) => [times, ...(stacked ? sums(lists).reverse() : lists)];
  let plot = null;
  let data = [[], ...series.map(() => [])];

  const build = () => {
    plot?.destroy();
    plot = new uPlot(options({ width: frame.clientWidth, series: painted, format, sync, onCursor: (i) => legend.show(data, i) }), toPaint(data), frame);
  };
  const observer = new ResizeObserver(() => {
    if (frame.clientWidth === 0) return;
    if (plot) plot.setSize({ width: frame.clientWidth, height: HEIGHT });
    else build();
  });
  const recolor = () => { if (plot) build(); };
  observer.observe(frame);
  themeChanges.addEventListener('change', recolor);

  return {
    element,
    /** @param {string} per what one bar covers @param {number[][]} next times and one list for each series */
    set(per, next) {
      data = next;
      setText(width, per);
      if (plot) plot.setData(toPaint(data));
      const totals = legend.show(data, plot?.cursor.idx);
      setAttr(frame, 'aria-label', `${name} ${per}. In all: ${totals.join(', ')}.`);
    },
    /** A sentence below the chart; "" for none. */
    setNote(text) {
      note.hidden = !text;
      setText(note, text);
    },
    stop() {
      observer.disconnect();
      themeChanges.removeEventListener('change', recolor);
      plot?.destroy();
    },
  };
}

/** Each list with those before it added. */
export function sums(lists) {
  const sum = new Array(lists[0]?.length ?? 0).fill(0);
  return lists.map((list) => list.map((value, i) => (sum[i] += value)));
}

function legendRow(series, format) {
  const when = h('span', { class: 'legend-when muted' });
  const values = series.map(() => h('span', { class: 'legend-value' }));
  const keys = series.map(({ label, color: property }, i) => {
    const marker = h('span', { class: 'legend-marker' });
    marker.style.setProperty('background-color', `var(${property})`);
    return h('span', { class: 'legend-key' }, marker, label, ' ', values[i]);
  });
  return {
    element: h('div', { class: 'legend' }, when, keys),
    show([times, ...lists], i) {
      const at = Number.isInteger(i) && i < times.length;
      const time = at ? new Date(times[i] * 1000) : null;
      setText(when, time ? `${day(time) === day(new Date()) ? '' : `${day(time)} `}${clock(time).slice(0, 5)}` : 'total');
      return lists.flatMap((list, s) => {
        const total = list.reduce((a, b) => a + b, 0);
        const text = format(at ? list[i] : total);
        setText(values[s], text);
        // Of many, those that do not occur are only in the way.
        keys[s].hidden = total === 0 && lists.length > FEW;
        return keys[s].hidden ? [] : [`${text} ${series[s].label.toLowerCase()}`];
      });
    },
  };
}

function options({ width, series, format, sync, onCursor }) {
  const text = color('--text-muted');
  const grid = { stroke: color('--line'), width: 1 };
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: text, font, ticks: { show: false } };
  return {
    width,
    tzDate: (seconds) => (chosenZone() === 'UTC' ? uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') : new Date(seconds * 1000)),
    height: HEIGHT,
    legend: { show: false },
    padding: [8, 18, 0, 0],
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false }, sync: { key: sync } },
    hooks: { setCursor: [({ cursor }) => onCursor(cursor.idx)] },
    scales: { x: { range: (_, min, max) => barRange(min, max) }, y: { range: (_, __, max) => [0, Math.max(1, max) * 1.08] } },
    axes: [
      { ...axis, grid: { show: false }, border: { ...grid, show: true }, size: 30, gap: 6, space: 64, values: (_, times) => times.map(axisTime) },
      { ...axis, grid, size: 64, values: (_, values) => values.map((value) => (Number.isInteger(value) ? format(value) : '')) },
    ],
    series: [{}, ...series.map(({ label, color: property }) => ({
      label,
      fill: color(property),
      width: 0,
      points: { show: false },
      paths: uPlot.paths.bars({ size: [0.72, 40], radius: 0.12 }),
    }))],
  };
}

// Half a bar of room at both ends; the bars are as far apart as the times.
function barRange(min, max) {
  const room = (max - min) / 100;
  return [min - room, max + room];
}

function axisTime(seconds) {
  const time = new Date(seconds * 1000);
  return clock(time).slice(0, 5);
}
