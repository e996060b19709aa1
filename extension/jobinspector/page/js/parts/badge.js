// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { h, icon, setText } from '../dom.js';
import { label } from '../format.js';

/** The states of a job, and whether one may still change. */
export const JOB_STATES = ['scheduled', 'running', 'done', 'failed', 'throttled', 'cancelled'];

const JOB_KINDS = {
  scheduled: ['idle', 'wait'],
  running: ['info', 'run'],
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
  return job.state === 'scheduled' || job.state === 'running';
}

/**
 * How an input is: accepts the collector's names (StatusRecoverableError) as well as short ones (recoverable_error).
 * @returns {{kind: string, text: string}} kind is ok, warn, bad, info or idle
 */
export function healthOf(health) {
  const status = String(health?.status ?? '');
  const key = status.toLowerCase().replace(/^status[_ ]?/, '').replace(/[_ ]?error$/, '');
  const [kind, text] = HEALTH[key] ?? ['idle', status ? label(status) : 'Unknown'];
  return { kind, text };
}

/** A badge of an icon and a word: colour alone never tells a state. */
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
    setState(state) {
      const [kind, iconName] = JOB_KINDS[state] ?? ['idle', 'idle'];
      element.dataset.state = state;
      this.set(kind, iconName, label(state));
    },
    setHealth(health) {
      const { kind, text: words } = healthOf(health);
      element.dataset.health = kind;
      this.set(kind, HEALTH_ICONS[kind], words);
    },
  };
}
