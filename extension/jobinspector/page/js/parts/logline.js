// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { h, keyedList } from '../dom.js';
import { href } from '../router.js';
import { timeElement } from './time.js';

/** The levels of the log, the least important first. */
export const LEVELS = ['debug', 'info', 'warn', 'error'];

/** The choices of a level filter. A level shows itself and what is worse. */
export const LEVEL_CHOICES = [['', 'All'], ['info', 'Info +'], ['warn', 'Warn +'], ['error', 'Errors']];

/** Whether a line is at least as bad as the level; the empty level lets all through. */
export function hasLevel(line, level) {
  return !level || LEVELS.indexOf(levelOf(line)) >= LEVELS.indexOf(level);
}

/** @param {{time: string, level: string, message: string, fields?: object, input?: string, job?: string}} line */
function logLine(line) {
  const level = levelOf(line);
  const job = line.job ?? line.job_id;
  const fields = Object.entries(line.fields ?? {});
  return h('li', { class: `log-line is-${level}` },
    timeElement(line.time),
    h('span', { class: 'log-level' }, level),
    h('span', { class: 'log-text' },
      h('span', { class: 'log-message' }, line.message),
      fields.map(([name, value]) => [' ', h('span', { class: 'log-field' }, h('span', { class: 'log-key' }, `${name}=`), text(value))]),
    ),
    job && h('a', { class: 'log-origin', href: href('job', {}, job), title: 'Show the job' }, line.input ?? 'job'),
  );
}

/**
 * Keeps a list element equal to lines of a log.
 * @param {Element} parent
 * @returns {(lines: object[]) => void}
 */
export function logList(parent) {
  const show = keyedList(parent, (item) => item.key, ({ line }) => ({ element: logLine(line), update() {} }));
  return (lines) => {
    const seen = new Map();
    show(lines.map((line) => {
      const text = JSON.stringify([line.time, line.level, line.job ?? line.job_id, line.message, line.fields]);
      const count = (seen.get(text) ?? 0) + 1;
      seen.set(text, count);
      return { key: `${count} ${text}`, line };
    }));
  };
}

function levelOf(line) {
  const level = String(line.level ?? '').toLowerCase();
  return LEVELS.includes(level) ? level : { warning: 'warn', fatal: 'error' }[level] ?? 'info';
}

function text(value) {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
