// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { Capture, KEPT } from '../capture.js';
import { copyText } from '../clipboard.js';
import { h, icon, keyedList, setAttr, setChildren } from '../dom.js';
import { features } from '../features.js';
import { number, plural } from '../format.js';
import { inputFilters, searchFilter, summaryLine } from '../parts/filters.js';
import { emptyPanel, errorPanel } from '../parts/panels.js';
import { Causes, recordRow, searchText } from '../parts/record.js';
import { authorized } from '../parts/unlock.js';

export const title = 'Live data';

// Outlives the view, so that what was captured is still there after a look at the jobs.
const capture = new Capture();

/** Records as they are delivered, newest mail first. The capture ends when the view is left. */
export function mount(root) {
  const { input, stop } = inputFilters();
  const search = searchFilter({ name: 'q', label: 'Contains', placeholder: 'address, subject, status, cause' });
  const summary = summaryLine();
  const buttons = toolbar(() => ({ input: query.input }), () => matching());
  const list = h('div', { class: 'records' });
  const show = keyedList(list, (item) => item.key, (item) => recordRow(item.record));
  const causes = new Causes();
  const body = h('div');
  let query = {};

  const matching = () => {
    const words = (query.q ?? '').toLowerCase();
    const found = words ? capture.records.filter(({ record }) => searchText(record).includes(words)) : [...capture.records];
    // By the time at which the service received the mail: a page of the service may come in any order.
    return found.sort((a, b) => b.time - a.time);
  };
  const draw = () => {
    const items = matching();
    causes.learn(capture.records);
    show(items.map((item) => ({ ...item, cause: causes.of(item.record) })));
    buttons.update(items.length);
    summary.set(summarize(items.length));
    if (capture.error) setChildren(body, errorPanel(capture.error, () => start({ input: query.input })), list);
    else setChildren(body, items.length > 0 ? list : nothing(query.q));
  };
  root.append(
    h('div', { class: 'view-head' }, h('h1', { tabindex: '-1' }, title), summary.element),
    h('div', { class: 'filters' }, input.element, search.element, buttons.element),
    body);
  capture.addEventListener('change', draw);

  return {
    update(route) {
      const otherInput = (query.input ?? '') !== (route.query.input ?? '');
      query = route.query;
      input.set(query.input);
      search.set(query.q);
      if (otherInput && capture.state !== 'off') capture.start({ input: query.input });
      draw();
    },
    stop() {
      capture.removeEventListener('change', draw);
      capture.stop();
      search.stop();
      stop();
    },
  };
}

async function start(query) {
  if (await authorized()) capture.start(query);
}

function toolbar(query, matching) {
  const run = h('button', { class: 'button is-primary', type: 'button', id: 'capture-run' });
  const pause = h('button', { class: 'button', type: 'button', id: 'capture-pause' });
  const clear = h('button', { class: 'button', type: 'button', onclick: () => capture.clear() }, 'Clear');
  const copy = h('button', {
    class: 'button',
    type: 'button',
    onclick: () => copyText(JSON.stringify(matching().map(({ record }) => record), null, 2), `${plural(matching().length, 'record')} as JSON`),
  }, icon('copy'), 'Copy as JSON');
  run.addEventListener('click', () => (capture.state === 'off' ? start(query()) : capture.stop()));
  pause.addEventListener('click', () => capture.pause(!capture.paused));

  let face = '';
  return {
    element: h('div', { class: 'toolbar' }, run, pause, copy, clear),
    update(count) {
      const off = capture.state === 'off';
      run.disabled = off && (features.readOnly || !features.capture);
      pause.disabled = off;
      copy.disabled = count === 0;
      clear.disabled = capture.received === 0;
      setAttr(pause, 'aria-pressed', String(capture.paused));
      if (face === `${off} ${capture.paused}`) return;
      face = `${off} ${capture.paused}`;
      run.replaceChildren(icon(off ? 'play' : 'stop'), off ? 'Start capture' : 'Stop capture');
      run.classList.toggle('is-primary', off);
      pause.replaceChildren(icon(capture.paused ? 'play' : 'pause'), capture.paused ? 'Resume' : 'Pause');
    },
  };
}

function summarize(shown) {
  const states = { off: 'Not capturing', connecting: 'Connecting', on: 'Capturing', reconnecting: 'Connection lost, connecting again' };
  const parts = [capture.paused && capture.state === 'on' ? 'Paused' : states[capture.state]];
  if (capture.received > 0) parts.push(`${plural(capture.received, 'record')} received`);
  if (shown < capture.received) parts.push(`${number(shown)} shown`);
  if (capture.received > KEPT) parts.push(`the last ${number(KEPT)} are kept`);
  if (capture.paused && capture.waiting.length > 0) parts.push(`${number(capture.waiting.length)} waiting`);
  return parts.join(' · ');
}

function nothing(search) {
  if (features.readOnly || !features.capture) {
    return emptyPanel('Capture is off', h('p', null, features.readOnly
      ? 'This inspector only reads: the extension o365jobinspector has read_only: true.'
      : 'Where the endpoint is not a loopback address, the extension o365jobinspector needs capture: true.'));
  }
  if (search && capture.records.length > 0) return emptyPanel('No match', h('p', null, 'No captured record contains this text.'));
  if (capture.state === 'off') {
    return emptyPanel('See records as they are delivered',
      h('p', null, 'Start the capture to see what the receivers hand to the pipeline, row by row. Subjects and addresses are shown while it runs, and kept in this page alone.'));
  }
  return emptyPanel('Waiting for records', h('p', null, 'They appear when the next job delivers some. To see some now, read a window again with the button at the top.'));
}
