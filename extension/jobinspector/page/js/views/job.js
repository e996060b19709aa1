// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { cancelJob, job as loadJob } from '../api.js';
import { h, icon, setChildren, setText } from '../dom.js';
import { bytes, duration, label, number, plural } from '../format.js';
import { features } from '../features.js';
import { badge, isOpen } from '../parts/badge.js';
import { confirmDialog } from '../parts/dialog.js';
import { segments } from '../parts/filters.js';
import { elapsed } from '../parts/jobtable.js';
import { hasLevel, LEVEL_CHOICES, logList } from '../parts/logline.js';
import { errorPanel } from '../parts/panels.js';
import { outcomes } from '../parts/outcomes.js';
import { setSpan, setTime } from '../parts/time.js';
import { toast } from '../parts/toast.js';
import { authorized } from '../parts/unlock.js';
import { poll } from '../poll.js';
import { href } from '../router.js';

const JOB_MS = 1000;

export const title = 'Job';

/** One job: what it read, what went wrong, and its log. */
export function mount(root, { id }) {
  const state = badge();
  const heading = h('h1', { tabindex: '-1' }, title);
  const origin = h('p', { class: 'summary' });
  const cancel = h('button', { class: 'button is-danger', type: 'button', hidden: true }, 'Cancel job');
  const problem = h('div', { class: 'problem', role: 'status', hidden: true });
  const figures = figureList();
  const rows = outcomes();
  const kinds = h('p', { class: 'muted kinds' });
  const log = logSection();
  const body = h('div', { class: 'job-view', hidden: true },
    problem, h('div', { class: 'job-columns' }, card('Rows', rows.element, kinds), card('Reading', figures.element)), log.element);
  const failure = h('div');
  root.append(
    h('a', { class: 'back', href: href('jobs') }, icon('back'), 'Jobs'),
    h('div', { class: 'view-head job-head' }, h('div', { class: 'job-title' }, heading, state.element), origin, cancel),
    failure, body);

  let shown = null;
  let timer = 0;
  const tick = () => { if (shown) figures.setTook(elapsed(shown)); };

  const show = (job) => {
    shown = job;
    body.hidden = false;
    setChildren(failure);
    state.setState(job);
    setText(heading, `${label(job.lane)} job`);
    setText(origin, `${job.input} · ${job.id}`);
    cancel.hidden = features.readOnly || !isOpen(job);
    showProblem(problem, job);
    rows.set(job.rows ?? {});
    setText(kinds, [countsText(job.statuses), countsText(job.directions), job.details > 0 && plural(job.details, 'record') + ' of details'].filter(Boolean).join(' · '));
    figures.set(job);
    log.set(job.log ?? []);
    tick();
    // What has ended does not change.
    if (!isOpen(job)) poller.stop();
  };
  const poller = poll({
    load: (signal) => loadJob(id, signal),
    show,
    fail: (error) => { if (!shown) setChildren(failure, errorPanel(error, () => poller.refresh())); },
    interval: JOB_MS,
  });
  cancel.addEventListener('click', () => askToCancel(shown, cancel).then(() => poller.refresh()));
  timer = setInterval(tick, 1000);

  return {
    update({ query }) {
      log.setLevel(query.level);
    },
    stop() {
      poller.stop();
      clearInterval(timer);
    },
  };
}

async function askToCancel(job, button) {
  const text = job.lane === 'backfill'
    ? 'The backfill is given up: what it has not read yet counts as a gap and is not tried again.'
    : 'The job ends now. What it has not read yet is read at the next tick.';
  if (!await authorized()) return;
  if (!await confirmDialog({ title: 'Cancel this job?', text, yes: 'Cancel job', no: 'Let it run' })) return;
  button.disabled = true;
  try {
    await cancelJob(job.id);
    toast('The job is being cancelled.');
  } catch (error) {
    toast(`The job was not cancelled: ${error.message}`, 'bad');
  } finally {
    button.disabled = false;
  }
}

function showProblem(element, job) {
  element.hidden = !job.error && !job.hint;
  element.className = `problem is-${job.state === 'failed' ? 'bad' : 'warn'}`;
  const text = JSON.stringify([job.error, job.hint]);
  if (element.hidden || element.dataset.text === text) return;
  element.dataset.text = text;
  setChildren(element, icon('warn'), h('div', null, job.hint
    ? [h('p', { class: 'problem-hint' }, h('strong', null, 'What to do: '), job.hint),
      job.error && h('details', null, h('summary', null, 'The error'), h('p', { class: 'problem-error' }, job.error))]
    : h('p', { class: 'problem-error' }, job.error)));
}

// "612 delivered, 3 failed": accepted rows by what they are, most first.
function countsText(counts) {
  return Object.entries(counts ?? {}).sort(([, a], [, b]) => b - a).map(([name, count]) => `${number(count)} ${name}`).join(', ');
}

function card(name, ...content) {
  return h('section', { class: 'card' }, h('h2', { class: 'card-title' }, name), content);
}

function figureList() {
  const values = {};
  const figure = (name, key, tag = 'span', title_ = null) => {
    values[key] = h(tag);
    return h('div', null, h('dt', { title: title_ }, name), h('dd', null, values[key]));
  };
  const element = h('dl', { class: 'figures' },
    figure('Window', 'window'),
    figure('Tick', 'tick', 'time', 'The instant of the schedule that this job belongs to.'),
    figure('Started', 'started', 'time'),
    figure('Finished', 'finished', 'time'),
    figure('Took', 'took'),
    figure('Requests', 'requests'),
    figure('Pages', 'pages'),
    figure('Size', 'bytes', 'span', 'Bytes of the answers.'),
    figure('Retries', 'retries'),
    figure('Throttle wait', 'wait', 'span', 'Time spent waiting because the service asked for it.'),
  );
  return {
    element,
    set(job) {
      setSpan(values.window, job.window);
      for (const name of ['tick', 'started', 'finished']) setTime(values[name], job[name]);
      for (const name of ['requests', 'pages', 'retries']) setText(values[name], number(job[name]));
      setText(values.bytes, bytes(job.bytes));
      setText(values.wait, duration(job.throttle_wait_s));
    },
    setTook: (seconds) => setText(values.took, duration(seconds)),
  };
}

function logSection() {
  const level = segments({ name: 'level', label: 'Level', choices: LEVEL_CHOICES });
  const list = h('ol', { class: 'log' });
  const none = h('p', { class: 'muted log-none' });
  const show = logList(list);
  let lines = [];
  let wanted = '';
  const draw = () => {
    const matching = lines.filter((line) => hasLevel(line, wanted));
    show(matching);
    none.hidden = matching.length > 0;
    setText(none, lines.length === 0 ? 'Nothing logged yet.' : 'No line of this level.');
  };
  return {
    element: h('section', { class: 'card', 'aria-labelledby': 'job-log' },
      h('div', { class: 'section-head' }, h('h2', { class: 'card-title', id: 'job-log' }, 'Log'), level.element), list, none),
    set(next) {
      lines = next;
      draw();
    },
    setLevel(value = '') {
      wanted = value;
      level.set(value);
      draw();
    },
  };
}
