// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { copyText } from '../clipboard.js';
import { h, icon } from '../dom.js';
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

/**
 * One captured record: a line, and all of it when it is opened. What is inside is built when it is first opened.
 * @param {{time: string, input: string, attributes: object, body: any}} record
 */
export function recordRow(record) {
  const attributes = record.attributes ?? {};
  const size = attributes['o365.message_trace.size'];
  const details = h('details', { class: 'record' },
    h('summary', null,
      timeElement(record.time),
      h('span', { class: 'record-mail' },
        h('span', { class: 'record-from' }, senderOf(attributes)),
        h('span', { class: 'record-arrow' }, '→'),
        h('span', { class: 'record-to' }, attributes['email.to.address'] ?? '–')),
      h('span', { class: 'record-subject' }, attributes['email.subject'] ?? ''),
      status(attributes['o365.message_trace.status']),
      h('span', { class: 'record-size' }, size === undefined ? '' : bytes(Number(size)))));
  details.addEventListener('toggle', () => details.append(inside(record, attributes)), { once: true });
  return { element: details, update() {} };
}

/** The text that a search looks through. */
export function searchText(record) {
  const named = ['email.sender.address', 'email.from.address', 'email.to.address', 'email.subject', 'o365.message_trace.status', 'email.message_id'];
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
