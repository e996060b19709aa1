// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { jobs } from '../api.js';
import { h, icon, setChildren } from '../dom.js';
import { label, number, plural } from '../format.js';
import { JOB_STATES } from '../parts/badge.js';
import { inputFilters, searchFilter, segments, selectFilter, summaryLine, timeFilter, timeRange } from '../parts/filters.js';
import { jobTable } from '../parts/jobtable.js';
import { emptyPanel, errorPanel } from '../parts/panels.js';
import { saveButtons } from '../parts/save.js';
import { poll } from '../poll.js';
import { href } from '../router.js';

const JOBS_MS = 2000;
const PAGE = 50;
const LANES = ['live', 'revisit', 'backfill', 'scheduled', 'details'];

export const title = 'Jobs';

/** The table of jobs, newest first, by the filters in the address. */
export function mount(root) {
  const { input, tag, stop } = inputFilters();
  const lane = selectFilter({ name: 'lane', label: 'Lane', all: 'All lanes', choices: LANES.map((name) => [name, label(name)]) });
  const state = segments({ name: 'state', label: 'State', choices: [['', 'All'], ...JOB_STATES.map((name) => [name, label(name)])] });
  const search = searchFilter({ name: 'q', label: 'Contains', placeholder: 'error, hint, window, ID' });
  const time = timeFilter();
  const save = saveButtons('jobs', () => wanted(query));
  const summary = summaryLine();
  const table = jobTable();
  const newest = h('a', { class: 'button', hidden: true }, icon('back'), 'Newest');
  const older = h('a', { class: 'button', hidden: true }, 'Older', icon('next'));
  const pager = h('nav', { class: 'pager', 'aria-label': 'Pages' }, newest, older);
  const body = h('div');
  root.append(
    h('div', { class: 'view-head' }, h('h1', { tabindex: '-1' }, title), summary.element),
    h('div', { class: 'filters' }, input.element, tag.element, lane.element, time.elements, search.element, state.element, save),
    body, pager);

  let query = null;
  let seen = false;

  const show = ({ items, next, total }) => {
    seen = true;
    table.show(items);
    summary.set(items.length === 0 ? '' : `${plural(total ?? items.length, 'job')}${next || query.after ? ` · ${number(items.length)} on this page` : ''} · newest first`);
    setChildren(body, items.length > 0 ? table.element : nothing(query));
    newest.hidden = !query.after;
    newest.href = href('jobs', { ...query, after: '' });
    older.hidden = !next;
    older.href = href('jobs', { ...query, after: next });
  };
  let poller = null;

  return {
    update(route) {
      const changed = JSON.stringify(route.query) !== JSON.stringify(query);
      query = route.query;
      for (const [name, filter] of Object.entries({ input, tag, lane, state, q: search })) filter.set(query[name]);
      time.set(query);
      if (!changed) return;
      seen = false;
      poller?.stop();
      poller = poll({
        load: (signal) => jobs({ ...wanted(query), after: query.after, limit: PAGE }, signal),
        show,
        fail: (error) => { if (!seen) setChildren(body, errorPanel(error, () => poller.refresh())); },
        interval: JOBS_MS,
      });
    },
    stop() {
      poller?.stop();
      table.stop();
      search.stop();
      stop();
    },
  };
}

// What the filters in the address ask of the API.
function wanted({ input, tag, lane, state, q, ...time }) {
  return { input, tag, lane, state, q, ...timeRange(time) };
}

function nothing(query) {
  return Object.values(query).some(Boolean)
    ? emptyPanel('No such jobs', h('p', null, 'No kept job is like this.'), h('a', { class: 'button', href: href('jobs') }, 'Show all jobs'))
    : emptyPanel('No jobs yet', h('p', null, 'The first job begins at the next tick of an input: see ', h('a', { href: href('overview') }, 'Overview'), '.'));
}
