// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { serverNow } from '../api.js';
import { h, setAttr, setChildren, setText } from '../dom.js';
import { dateTime, duration, number, parseTime, plural, relative } from '../format.js';
import { href } from '../router.js';
import { yaml } from '../yaml.js';
import { badge, pauseOf, REASONS } from './badge.js';
import { idText } from './idtext.js';
import { progressBar } from './progress.js';
import { sparkline } from './sparkline.js';
import { setTime, timeElement } from './time.js';

/** The share of the quota above which revisits and backfill wait, and the one where little is left for anything. */
const QUOTA_TIGHT = 0.7;
const QUOTA_FULL = 0.95;

/**
 * The card of one input. Its sparkline comes by a "points" event, since it is loaded less often than the rest.
 * @returns {{element: HTMLElement, update: (input: object) => void}}
 */
export function inputCard({ id }) {
  const health = badge();
  const hintText = h('span');
  const hint = h('p', { class: 'hint', hidden: true }, h('strong', null, 'What to do: '), hintText);
  const pause = h('p', { class: 'hint is-pause', hidden: true });
  const service = h('p', { class: 'card-service' });
  const tags = h('ul', { class: 'tags', 'aria-label': 'Tags' });
  const position = positions();
  const quota = quotaBar();
  const activity = activityChart();
  const facts = factRow(id);
  const config = configuration();
  const heading = h('h2', { class: 'card-title' }, idText(id));

  const element = h('article', { class: 'card input-card', dataset: { input: id }, 'aria-label': id },
    h('header', { class: 'card-head' }, heading, health.element),
    h('div', { class: 'card-about' }, service, tags),
    pause,
    hint,
    h('div', { class: 'card-body' }, position.element, h('div', { class: 'card-side' }, activity.element, quota.element)),
    facts.element,
    config.element,
  );
  element.addEventListener('points', (event) => activity.set(event.detail));

  return {
    element,
    update(input) {
      health.setInput(input);
      setAttr(health.element, 'title', input.health?.since && `since ${dateTime(parseTime(input.health.since))}`);
      setPause(pause, pauseOf(input));
      hint.hidden = !input.health?.hint;
      setText(hintText, input.health?.hint);
      setText(service, [apiName(input.api), planName(input.plan)].filter(Boolean).join(' · '));
      setAttr(service, 'title', [input.tenant_id && `Tenant ${input.tenant_id}`, input.endpoint].filter(Boolean).join('\n'));
      setTags(tags, input.tags ?? []);
      position.set(input);
      quota.set(input.quota);
      facts.set(input);
      config.set(input.config);
    },
  };
}

function setPause(element, until) {
  element.hidden = !until;
  setText(element, until && `The service asked for a pause. Requests go on at ${dateTime(until)}, ${relative(until, serverNow())}.`);
}

/** How far the newest mail is behind: "12 s behind". */
export function lagText({ lag_s: lag }) {
  return Number.isFinite(lag) ? `${duration(lag)} behind` : '–';
}

function positions() {
  const lag = h('span');
  const live = h('div', { class: 'is-main' },
    h('dt', { title: 'How long ago the newest mail was received that has been read. Older mail may still be open: see below.' }, 'Live mail'), h('dd', null, lag));
  const complete = timeElement();
  const progress = progressBar();
  const completeRow = h('div', null,
    h('dt', { title: 'All mail received before this time has been read once.' }, 'Complete up to'),
    h('dd', null, complete, progress.element));
  const settled = timeElement();
  const settledLag = h('span', { class: 'muted' });
  const element = h('dl', { class: 'positions' }, live, completeRow,
    h('div', null,
      h('dt', { title: 'All mail received before this time has been read again at every age of revisit_ages: late rows and statuses are in.' }, 'Settled up to'),
      h('dd', null, settled, settledLag)),
  );
  return {
    element,
    set(input) {
      // A receiver that reads fixed windows has no newest mail to be behind of.
      live.hidden = !Number.isFinite(input.lag_s);
      completeRow.classList.toggle('is-main', live.hidden);
      setText(lag, lagText(input));
      setTime(complete, input.complete_up_to);
      progress.set(input.backfill);
      setTime(settled, input.settled_up_to);
      const time = parseTime(input.settled_up_to);
      setText(settledLag, time ? `${duration((serverNow() - time) / 1000)} behind` : '');
    },
  };
}

/** How much of the quota is used: "41 of 90"; "–" where there is none. */
export function quotaText(quota) {
  return quota?.limit > 0 ? `${number(quota.used)} of ${number(quota.limit)}` : '–';
}

function quotaBar() {
  const text = h('span');
  const fill = h('span', { class: 'meter-fill' });
  const meter = h('div', { class: 'meter', role: 'meter', 'aria-label': 'Quota used', 'aria-valuemin': '0' }, fill);
  const element = h('div', { class: 'quota' }, h('p', { class: 'quota-text' }, h('span', { class: 'muted' }, 'Quota'), text), meter);
  return {
    element,
    set(quota) {
      element.hidden = !(quota?.limit > 0);
      if (element.hidden) return;
      const share = Math.min(1, quota.used / quota.limit);
      setText(text, `${quotaText(quota)} requests in ${duration(quota.interval_s)}`);
      fill.style.setProperty('width', `${(share * 100).toFixed(1)}%`);
      setAttr(meter, 'aria-valuenow', quota.used);
      setAttr(meter, 'aria-valuemax', quota.limit);
      setAttr(meter, 'aria-valuetext', text.textContent);
      meter.className = `meter${share >= QUOTA_FULL ? ' is-full' : share >= QUOTA_TIGHT ? ' is-tight' : ''}`;
    },
  };
}

function activityChart() {
  const chart = sparkline();
  const sum = h('span');
  return {
    element: h('div', { class: 'activity' }, chart.element, h('p', { class: 'activity-text' }, h('span', { class: 'muted' }, 'Last 2 hours'), sum)),
    set(points) {
      setText(sum, plural(chart.set(points), 'row'));
    },
  };
}

function factRow(id) {
  const next = h('time');
  const every = h('span', { class: 'muted is-below' });
  const running = h('a');
  const waiting = h('a', { class: 'muted is-below' });
  const rows = h('span');
  const details = h('span', { class: 'muted is-below' });
  const element = h('dl', { class: 'facts' },
    fact('Next tick', next, every), fact('Running', running, waiting), fact('Delivered', rows, h('span', { class: 'muted' }, 'rows'), details));
  rows.title = 'Within job_ttl, the time for which jobs are kept.';
  return {
    element,
    set(input) {
      const tick = parseTime(input.next_tick);
      setTime(next, input.next_tick);
      setText(next, tick ? relative(tick, serverNow()) : 'none');
      setText(every, input.poll_interval_s ? `every ${duration(input.poll_interval_s)}` : '');
      setText(running, number(input.jobs_running ?? 0));
      running.href = href('jobs', input.jobs_running ? { input: id, state: 'running' } : { input: id });
      setAttr(running, 'aria-label', `${plural(input.jobs_running ?? 0, 'job')} running of ${id}: show jobs`);
      const reasons = Object.keys(input.jobs_waiting ?? {});
      const count = reasons.reduce((sum, reason) => sum + input.jobs_waiting[reason], 0);
      waiting.hidden = count === 0;
      setText(waiting, `${number(count)} waiting for ${reasons.map((reason) => REASONS[reason] ?? reason).join(', ')}`);
      waiting.href = href('jobs', { input: id, state: 'waiting' });
      setText(rows, number(input.rows_accepted));
      setDetailsWaiting(details, input);
    },
  };
}

/** Shows how many rows wait for their details, and nothing if none do. */
export function setDetailsWaiting(element, input) {
  element.hidden = !(input.details_waiting > 0);
  setText(element, `${number(input.details_waiting)} waiting for details`);
}

function fact(name, ...values) {
  return h('div', null, h('dt', null, name), h('dd', null, values));
}

function configuration() {
  const text = h('pre', { class: 'code' });
  const element = h('details', { class: 'config', hidden: true }, h('summary', null, 'Configuration'), text);
  return {
    element,
    set(config) {
      element.hidden = !config || Object.keys(config).length === 0;
      setText(text, element.hidden ? '' : yaml(config));
    },
  };
}

function setTags(list, tags) {
  list.hidden = tags.length === 0;
  const same = tags.length === list.childElementCount && tags.every((tag, i) => list.children[i].textContent === tag);
  if (!same) setChildren(list, tags.map((tag) => h('li', null, h('a', { href: href('overview', { tag }) }, tag))));
}

function apiName(api) {
  return { graph: 'Microsoft Graph', reporting_webservice: 'Reporting Web Service' }[api] ?? api;
}

function planName(plan) {
  return { enterprise: 'Enterprise', gcc: 'GCC', gcc_high: 'GCC High', dod: 'DoD', china: 'China' }[plan] ?? plan;
}
