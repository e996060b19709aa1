// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { serverNow } from '../api.js';
import { h, icon, setText } from '../dom.js';
import { dateTime, label, parseTime } from '../format.js';

/** The states of a job. The first four may still change. */
export const JOB_STATES = ['scheduled', 'waiting', 'running', 'paused', 'done', 'failed', 'throttled', 'cancelled'];

/** What a job can wait for. */
export const REASONS = { quota: 'quota', pipeline: 'the pipeline', slot: 'its turn' };

const JOB_KINDS = {
  scheduled: ['idle', 'wait'],
  waiting: ['idle', 'wait'],
  running: ['info', 'run'],
  paused: ['warn', 'pause'],
  done: ['ok', 'ok'],
  failed: ['bad', 'bad'],
  throttled: ['warn', 'wait'],
  cancelled: ['idle', 'idle'],
};

const HEALTH = {
  ok: ['ok', 'OK'],
  recoverable: ['warn', 'Needs attention'],
  permanent: ['bad', 'Stopped by an error'],
  fatal: ['bad', 'Stopped by an error'],
  starting: ['info', 'Starting'],
  idle: ['idle', 'Idle'],
  stopping: ['idle', 'Stopping'],
  stopped: ['idle', 'Stopped'],
};

const HEALTH_ICONS = { ok: 'ok', warn: 'warn', bad: 'bad', info: 'run', idle: 'idle' };

/** Whether a job is still to be read or being read. */
export function isOpen(job) {
  return JOB_STATES.indexOf(job.state) < JOB_STATES.indexOf('done');
}

/** The state of a job in words: "Waiting for quota", "Paused until 12:31:00". */
export function stateText({ state, waiting_for, paused_until }) {
  const until = parseTime(paused_until);
  if (state === 'paused' && until) return `Paused until ${dateTime(until)}`;
  return state === 'waiting' && waiting_for ? `Waiting for ${REASONS[waiting_for] ?? waiting_for}` : label(state);
}

/**
 * How an input is: accepts the collector's names (StatusRecoverableError) as well as short ones (recoverable_error).
 * @returns {{kind: string, text: string}} kind is ok, warn, bad, info or idle
 */
function healthOf(health) {
  const status = String(health?.status ?? '');
  const key = status.toLowerCase().replace(/^status[_ ]?/, '').replace(/[_ ]?error$/, '');
  const [kind, text] = HEALTH[key] ?? ['idle', status ? label(status) : 'Unknown'];
  return { kind, text };
}

/** Until when an input is paused; null if it is not, or no longer. */
export function pauseOf(input) {
  const until = parseTime(input.paused_until);
  return until && until > serverNow() ? until : null;
}

/**
 * How an input is. A pause that the service asked for counts more than a problem that it has caused.
 * @returns {{kind: string, text: string, iconName: string}}
 */
export function conditionOf(input) {
  const { kind, text } = healthOf(input.health);
  const until = pauseOf(input);
  if (until && kind !== 'bad') return { kind: 'warn', text: `Paused until ${dateTime(until)}`, iconName: 'pause' };
  return { kind, text, iconName: HEALTH_ICONS[kind] };
}

/** A badge of an icon and a word: a state is never shown by colour alone. */
export function badge() {
  const symbol = h('span', { class: 'badge-icon' });
  const text = h('span');
  const element = h('span', { class: 'badge' }, symbol, text);
  let shown = '';
  return {
    element,
    /** @param {string} kind @param {string} iconName @param {string} words */
    set(kind, iconName, words) {
      setText(text, words);
      if (shown === kind + iconName) return;
      shown = kind + iconName;
      element.className = `badge is-${kind}${iconName === 'run' ? ' is-turning' : ''}`;
      symbol.replaceChildren(icon(iconName));
    },
    setState(job) {
      const [kind, iconName] = JOB_KINDS[job.state] ?? ['idle', 'idle'];
      element.dataset.state = job.state;
      this.set(kind, iconName, stateText(job));
    },
    /** How an input is: its pause, else its health. */
    setInput(input) {
      const { kind, text: words, iconName } = conditionOf(input);
      element.dataset.health = kind;
      this.set(kind, iconName, words);
    },
  };
}
