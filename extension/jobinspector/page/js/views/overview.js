// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { findings, inputs, inspector, jobs, serverNow, series } from '../api.js';
import { h, icon, keyedList, setChildren, setText } from '../dom.js';
import { number, plural } from '../format.js';
import { attention, GROUPS, ofGroup, problemsFirst } from '../parts/attention.js';
import { selectFilter, summaryLine } from '../parts/filters.js';
import { findingItem, findingKey } from '../parts/finding.js';
import { inputCard } from '../parts/inputcard.js';
import { DENSE_FROM, inputTable } from '../parts/inputtable.js';
import { jobTable } from '../parts/jobtable.js';
import { emptyPanel, errorPanel, noInputsPanel } from '../parts/panels.js';
import { SPARK_MINUTES } from '../parts/sparkline.js';
import { poll } from '../poll.js';
import { href } from '../router.js';

const INPUTS_MS = 2000;
const SERIES_MS = 10_000;
const LATEST_JOBS = 8;
const FAILED_MINUTES = 60;
const LATEST_FINDINGS = 3;

export const title = 'Overview';

/**
 * The inputs, those with a problem first, as cards or, if they are many, as lines; and the latest jobs.
 * @param {Element} root
 * @returns {{update: (route: import('../router.js').Route) => void, stop: () => void}}
 */
export function mount(root) {
  const summary = summaryLine();
  const tag = selectFilter({ name: 'tag', label: 'Tag', all: 'All tags' });
  const counts = attention();
  const cards = h('div', { class: 'cards' });
  const table = inputTable();
  const body = h('div');
  const all = h('a', { class: 'back', hidden: true }, icon('back'), 'All inputs');
  const latest = latestSection();
  const foundList = h('div', { class: 'records' });
  const foundCount = h('a', { href: href('findings') });
  const foundSection = h('section', { class: 'section', 'aria-labelledby': 'latest-findings', hidden: true },
    h('div', { class: 'section-head' }, h('h2', { id: 'latest-findings' }, 'Latest findings'), foundCount),
    foundList);
  const showFound = keyedList(foundList, findingKey, findingItem);
  root.append(
    all,
    h('div', { class: 'view-head' }, h('h1', { tabindex: '-1' }, title), summary.element, h('div', { class: 'filters' }, tag.element)),
    counts.element, body, foundSection, latest.element);

  const showCards = keyedList(cards, (input) => input.id, inputCard);
  let query = {};
  let inCards = [];
  let failed = { total: 0, query: {} };

  const show = (items) => {
    const tags = [...new Set(items.flatMap((input) => input.tags ?? []))].sort();
    tag.offer(tags.map((name) => [name, name]));
    tag.element.hidden = tags.length === 0 || Boolean(query.input);
    const tagged = items.filter((input) => (!query.tag || input.tags?.includes(query.tag)) && (!query.input || input.id === query.input));
    const shown = problemsFirst(ofGroup(tagged, query.show));
    counts.set(query.input ? [] : tagged, query, failed);
    summary.set(summarize(shown));
    const dense = shown.length >= DENSE_FROM;
    const before = inCards.length;
    inCards = dense ? [] : shown;
    showCards(inCards);
    if (dense) table.show(shown);
    if (items.length === 0) setChildren(body, noInputsPanel());
    else if (shown.length === 0) setChildren(body, nothing(query));
    else setChildren(body, dense ? table.element : cards);
    if (inCards.length > before) sparks.refresh();
  };
  const sparks = poll({
    load: (signal) => Promise.all(inCards.map(async ({ id }) => [id, await series({ input: id, minutes: SPARK_MINUTES }, signal)])),
    show: (each) => {
      for (const [id, points] of each) cards.querySelector(`[data-input="${CSS.escape(id)}"]`)?.dispatchEvent(new CustomEvent('points', { detail: points }));
    },
    interval: SERIES_MS,
  });
  const overview = poll({
    async load(signal) {
      const [items, failures] = await Promise.all([inputs({}, signal), failuresOf(query, signal)]);
      failed = failures;
      return items;
    },
    show,
    fail: (error) => { if (body.childElementCount === 0) setChildren(body, errorPanel(error, () => overview.refresh())); },
    interval: INPUTS_MS,
  });
  const found = poll({
    load: (signal) => Promise.all([findings({ limit: LATEST_FINDINGS }, signal), inspector(signal)]),
    show([{ items }, answer]) {
      foundSection.hidden = items.length === 0;
      setText(foundCount, `All findings (${number(answer?.findings ?? items.length)})`);
      showFound(items);
    },
    interval: SERIES_MS,
  });
  const latestJobs = poll({
    load: (signal) => jobs({ tag: query.tag, input: query.input, limit: LATEST_JOBS }, signal),
    show: ({ items }) => latest.show(items),
    interval: INPUTS_MS,
  });

  return {
    update(route) {
      tag.set(route.query.tag);
      const changed = JSON.stringify(route.query) !== JSON.stringify(query);
      query = route.query;
      all.hidden = !query.input;
      all.href = href('overview', { tag: query.tag, show: query.show });
      latest.all.href = href('jobs', { tag: query.tag, input: query.input });
      if (!changed) return;
      overview.refresh();
      latestJobs.refresh();
    },
    stop() {
      for (const poller of [overview, sparks, found, latestJobs]) poller.stop();
      latest.stop();
    },
  };
}

function latestSection() {
  const table = jobTable();
  const all = h('a', { href: href('jobs') }, 'All jobs');
  const element = h('section', { class: 'section', 'aria-labelledby': 'latest-jobs', hidden: true },
    h('div', { class: 'section-head' }, h('h2', { id: 'latest-jobs' }, 'Latest jobs'), all), table.element);
  return {
    element,
    all,
    show(items) {
      element.hidden = items.length === 0;
      table.show(items);
    },
    stop: table.stop,
  };
}

// How many jobs failed lately, and the filters that show them.
async function failuresOf({ tag, input }, signal) {
  const from = new Date(Math.floor(serverNow() / 60_000 - FAILED_MINUTES) * 60_000).toISOString();
  const { total = 0 } = await jobs({ tag, input, state: 'failed', from, limit: 1 }, signal);
  return { total, query: { tag, input, state: 'failed', last: FAILED_MINUTES } };
}

function nothing({ tag, show, input }) {
  const why = input ? `There is no input ${input} any more.`
    : show ? `No input${tag ? ` with the tag ${tag}` : ''} is like this now.`
      : `No input has the tag ${tag}.`;
  return emptyPanel('No such input', h('p', null, why), h('a', { class: 'button', href: href('overview') }, 'Show all inputs'));
}

function summarize(items) {
  if (items.length === 0) return '';
  const running = items.reduce((sum, input) => sum + (input.jobs_running ?? 0), 0);
  const rows = items.reduce((sum, input) => sum + (input.rows_accepted ?? 0), 0);
  const well = items.some((input) => GROUPS.some(({ has }) => has(input))) ? [] : ['all well'];
  return [plural(items.length, 'input'), ...well, `${plural(running, 'job')} running`, `${plural(rows, 'row')} delivered`].join(' · ');
}
