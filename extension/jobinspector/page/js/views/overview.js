// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { inputs, jobs, series } from '../api.js';
import { h, keyedList, setChildren } from '../dom.js';
import { number, plural } from '../format.js';
import { healthOf } from '../parts/badge.js';
import { selectFilter, summaryLine } from '../parts/filters.js';
import { inputCard } from '../parts/inputcard.js';
import { jobTable } from '../parts/jobtable.js';
import { emptyPanel, errorPanel, noInputsPanel } from '../parts/panels.js';
import { SPARK_MINUTES } from '../parts/sparkline.js';
import { poll } from '../poll.js';
import { href } from '../router.js';

const INPUTS_MS = 2000;
const SERIES_MS = 10_000;
const LATEST_JOBS = 8;

export const title = 'Overview';

/**
 * One card per input, and the latest jobs.
 * @param {Element} root
 * @returns {{update: (route: import('../router.js').Route) => void, stop: () => void}}
 */
export function mount(root) {
  const summary = summaryLine();
  const tag = selectFilter({ name: 'tag', label: 'Tag', all: 'All tags' });
  const cards = h('div', { class: 'cards' });
  const body = h('div');
  const latest = jobTable();
  const allJobs = h('a', { href: href('jobs') }, 'All jobs');
  const latestSection = h('section', { class: 'section', 'aria-labelledby': 'latest-jobs', hidden: true },
    h('div', { class: 'section-head' }, h('h2', { id: 'latest-jobs' }, 'Latest jobs'), allJobs),
    latest.element);
  root.append(
    h('div', { class: 'view-head' }, h('h1', { tabindex: '-1' }, title), summary.element, h('div', { class: 'filters' }, tag.element)),
    body, latestSection);

  const show = keyedList(cards, (input) => input.id, inputCard);
  let wantedTag = '';
  let shown = [];

  const showInputs = (items) => {
    const tags = [...new Set(items.flatMap((input) => input.tags ?? []))].sort();
    tag.offer(tags.map((name) => [name, name]));
    tag.element.hidden = tags.length === 0;
    shown = items.filter((input) => !wantedTag || input.tags?.includes(wantedTag));
    summary.set(summarize(shown));
    if (items.length === 0) {
      setChildren(body, noInputsPanel());
    } else {
      const isNew = cards.childElementCount < shown.length;
      show(shown);
      setChildren(body, shown.length > 0 ? cards : noneTagged(wantedTag));
      if (isNew) sparks.refresh();
    }
  };
  const sparks = poll({
    load: (signal) => Promise.all(shown.map(async ({ id }) => [id, await series({ input: id, minutes: SPARK_MINUTES }, signal)])),
    show: (all) => {
      for (const [id, points] of all) cards.querySelector(`[data-input="${CSS.escape(id)}"]`)?.dispatchEvent(new CustomEvent('points', { detail: points }));
    },
    interval: SERIES_MS,
  });
  const overview = poll({
    load: (signal) => inputs({}, signal),
    show: showInputs,
    fail: (error) => { if (shown.length === 0) setChildren(body, errorPanel(error, () => overview.refresh())); },
    interval: INPUTS_MS,
  });
  const latestJobs = poll({
    load: (signal) => jobs({ tag: wantedTag, limit: LATEST_JOBS }, signal),
    show: ({ items }) => {
      latestSection.hidden = items.length === 0;
      latest.show(items);
    },
    interval: INPUTS_MS,
  });

  return {
    update({ query }) {
      tag.set(query.tag);
      if (wantedTag === (query.tag ?? '')) return;
      wantedTag = query.tag ?? '';
      allJobs.href = href('jobs', { tag: wantedTag });
      overview.refresh();
      latestJobs.refresh();
    },
    stop() {
      for (const poller of [overview, sparks, latestJobs]) poller.stop();
      latest.stop();
    },
  };
}

function noneTagged(tag) {
  return emptyPanel('No such input', h('p', null, `No input has the tag ${tag}.`), h('a', { class: 'button', href: href('overview') }, 'Show all inputs'));
}

function summarize(items) {
  if (items.length === 0) return '';
  const troubled = items.filter(({ health }) => ['warn', 'bad'].includes(healthOf(health).kind)).length;
  const running = items.reduce((sum, input) => sum + (input.jobs_running ?? 0), 0);
  const rows = items.reduce((sum, input) => sum + (input.rows_accepted ?? 0), 0);
  const health = troubled === 0 ? 'all well' : `${number(troubled)} need${troubled === 1 ? 's' : ''} attention`;
  return [plural(items.length, 'input'), health, `${plural(running, 'job')} running`, `${plural(rows, 'row')} delivered`].join(' · ');
}
