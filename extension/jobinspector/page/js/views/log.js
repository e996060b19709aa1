// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { logs } from '../api.js';
import { h, icon, setChildren } from '../dom.js';
import { plural } from '../format.js';
import { inputFilters, searchFilter, segments, summaryLine } from '../parts/filters.js';
import { LEVEL_CHOICES, logList } from '../parts/logline.js';
import { emptyPanel, errorPanel } from '../parts/panels.js';
import { saveButtons } from '../parts/save.js';
import { poll } from '../poll.js';
import { href } from '../router.js';

const LOG_MS = 2000;
const PAGE = 200;

export const title = 'Log';

/** The log lines of all kept jobs, newest first. */
export function mount(root) {
  const { input, stop } = inputFilters();
  const level = segments({ name: 'level', label: 'Level', choices: LEVEL_CHOICES });
  const search = searchFilter({ name: 'q', label: 'Contains', placeholder: 'text of a line' });
  const save = saveButtons('logs', () => wanted(query));
  const summary = summaryLine();
  const list = h('ol', { class: 'log' });
  const show = logList(list);
  const frame = h('section', { class: 'card', 'aria-label': 'Log lines' }, list);
  const body = h('div');
  const newest = h('a', { class: 'button', hidden: true }, icon('back'), 'Newest');
  const older = h('a', { class: 'button', hidden: true }, 'Older', icon('next'));
  root.append(
    h('div', { class: 'view-head' }, h('h1', { tabindex: '-1' }, title), summary.element),
    h('div', { class: 'filters' }, input.element, level.element, search.element, save),
    body, h('nav', { class: 'pager', 'aria-label': 'Pages' }, newest, older));

  let query = null;
  let poller = null;
  let seen = false;

  return {
    update(route) {
      const changed = JSON.stringify(route.query) !== JSON.stringify(query);
      query = route.query;
      for (const [name, filter] of Object.entries({ input, level, q: search })) filter.set(query[name]);
      if (!changed) return;
      seen = false;
      poller?.stop();
      poller = poll({
        load: (signal) => logs({ ...wanted(query), after: query.after, limit: PAGE }, signal),
        show({ items, next }) {
          seen = true;
          show(items);
          summary.set(items.length === 0 ? '' : `${plural(items.length, 'line')}${next || query.after ? ' on this page' : ''}, newest first`);
          newest.hidden = !query.after;
          newest.href = href('log', { ...query, after: '' });
          older.hidden = !next;
          older.href = href('log', { ...query, after: next });
          setChildren(body, items.length > 0 ? frame : nothing(query));
        },
        fail: (error) => { if (!seen) setChildren(body, errorPanel(error, () => poller.refresh())); },
        interval: LOG_MS,
      });
    },
    stop() {
      poller?.stop();
      search.stop();
      stop();
    },
  };
}

function wanted({ input, level, q }) {
  return { input, level, q };
}

function nothing({ input, level, q, after }) {
  return input || level || q || after
    ? emptyPanel('No such lines', h('p', null, 'No line of a kept job is like this.'), h('a', { class: 'button', href: href('log') }, 'Show all lines'))
    : emptyPanel('No lines yet', h('p', null, 'Jobs write here what they do. The first begins at the next tick.'));
}
