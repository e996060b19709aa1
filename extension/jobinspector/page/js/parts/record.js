// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { copyText } from '../clipboard.js';
import { h, icon, setAttr, setText } from '../dom.js';
import { bytes } from '../format.js';
import { badge } from './badge.js';
import { timeElement } from './time.js';

const STATUS = {
  delivered: ['ok', 'ok'],
  expanded: ['ok', 'ok'],
  failed: ['bad', 'bad'],
  quarantined: ['warn', 'warn'],
  filteredAsSpam: ['warn', 'warn'],
  pending: ['info', 'wait'],
  gettingStatus: ['info', 'wait'],
  recalled: ['idle', 'idle'],
  resolved: ['ok', 'ok'],
};

const CAUSE = 'o365.message_trace.cause';

/** The causes that captured records name, by the row that they are about: its own record has come before. */
export class Causes {
  #byRow = new Map();

  /** Looks through what is captured, in place of what was before. @param {{record: {attributes: object}}[]} items */
  learn(items) {
    this.#byRow.clear();
    for (const { record: { attributes } } of items) {
      if (attributes?.[CAUSE] !== undefined) this.#byRow.set(rowOf(attributes), String(attributes[CAUSE]));
    }
  }

  /** The cause of the status that a record has, undefined as long as none has come. */
  of({ attributes }) {
    return attributes && this.#byRow.get(rowOf(attributes));
  }
}

// A cause explains one status of a row.
function rowOf(attributes) {
  const row = attributes['o365.message_trace.row.uid'] ?? `${attributes['email.local_id']} ${attributes['email.to.address']}`;
  return `${row} ${attributes['o365.message_trace.status']}`;
}

// What records tell that have no subject: one step on the way of a message, or why it was not delivered.
function explanation(attributes) {
  const step = ['event', 'action', 'text'].map((name) => attributes[`o365.message_trace.detail.${name}`]);
  return [...step, attributes['o365.message_trace.cause.text']].filter(Boolean).join(' · ');
}

/**
 * One captured record: a line, and all of it when it is opened. What is inside is built when it is first opened.
 * @param {{time: string, input: string, attributes: object, body: any}} record
 */
export function recordRow(record) {
  const attributes = record.attributes ?? {};
  const size = attributes['o365.message_trace.size'];
  const cause = h('span', { class: 'record-cause' });
  const details = h('details', { class: 'record' },
    h('summary', null,
      timeElement(record.time),
      h('span', { class: 'record-mail' },
        h('span', { class: 'record-from' }, senderOf(attributes)),
        h('span', { class: 'record-arrow' }, '→'),
        h('span', { class: 'record-to' }, attributes['email.to.address'] ?? '–')),
      h('span', { class: 'record-subject' }, cause, attributes['email.subject'] ?? explanation(attributes)),
      status(attributes['o365.message_trace.status']),
      h('span', { class: 'record-size' }, size === undefined ? '' : bytes(Number(size)))));
  details.addEventListener('toggle', () => details.append(inside(record, attributes)), { once: true });
  return {
    element: details,
    update(item) {
      setText(cause, item.cause);
      setAttr(cause, 'title', item.cause && 'Why the mail has this status');
    },
  };
}

/** The text that a search looks through. */
export function searchText(record) {
  const named = ['email.sender.address', 'email.from.address', 'email.to.address', 'email.subject', 'o365.message_trace.status', 'email.message_id',
    CAUSE, 'o365.message_trace.cause.text', 'o365.message_trace.detail.event', 'o365.message_trace.detail.text'];
  return named.map((name) => record.attributes?.[name] ?? '').join('\n').toLowerCase();
}

function senderOf(attributes) {
  return attributes['email.sender.address'] ?? attributes['email.from.address'] ?? '–';
}

function status(value) {
  if (!value) return h('span');
  const shown = badge();
  shown.set(...(STATUS[value] ?? ['idle', 'idle']), value);
  return shown.element;
}

function inside(record, attributes) {
  const names = Object.keys(attributes).sort();
  const copy = h('button', { class: 'button button-small', type: 'button', onclick: () => copyText(JSON.stringify(record, null, 2), 'the record as JSON') }, icon('copy'), 'Copy as JSON');
  return h('div', { class: 'record-inside' },
    h('div', { class: 'record-actions' }, h('span', { class: 'muted' }, record.input), copy),
    h('dl', { class: 'attributes' }, names.map((name) => h('div', null, h('dt', null, name), h('dd', null, plain(attributes[name]))))),
    record.body ? [h('h2', null, 'Body'), h('pre', { class: 'code' }, pretty(record.body))] : null);
}

function plain(value) {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function pretty(body) {
  if (typeof body !== 'string') return JSON.stringify(body, null, 2);
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
