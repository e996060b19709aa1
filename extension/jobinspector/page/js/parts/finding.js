// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { h } from '../dom.js';
import { plural } from '../format.js';
import { badge } from './badge.js';
import { timeElement } from './time.js';

/** What rules are called, in the order in which they are offered. */
export const RULES = [
  ['bulk_mail', 'Bulk mail'],
  ['lookalike_domain', 'Look-alike domain'],
  ['spoofed_domain', 'Spoofed domain'],
  ['exfiltration', 'Exfiltration'],
  ['auto_forward', 'Auto-forward'],
  ['removed_after_delivery', 'Removed after delivery'],
  ['failure_burst', 'Failure burst'],
];

const NAMES = Object.fromEntries(RULES);

/** What tells findings apart. One has no uid, and says less, while the token is missing. */
export const findingKey = ({ id, uid }) => `${id} ${uid}`;

/** One finding: the sentence, and inside it the figures, messages and recipients. It never changes. For keyedList. */
export function findingItem(finding) {
  const rule = badge();
  const severe = finding.severity === 'ERROR';
  rule.set(severe ? 'bad' : 'warn', severe ? 'bad' : 'warn', NAMES[finding.rule] ?? finding.rule);
  const inside = h('dl', { class: 'attributes record-inside' },
    details(finding).filter(([, value]) => value).map(([name, value]) => h('div', null, h('dt', null, name), h('dd', null, value))));
  const element = h('details', { class: 'record finding' },
    h('summary', null, timeElement(finding.time), rule.element, h('span', { class: 'finding-text' }, finding.text)), inside);
  return { element, update() {} };
}

function details(finding) {
  return [
    ['tenant', finding.tenant_id],
    ['key', finding.key],
    ['count, threshold', `${finding.count} of at least ${finding.threshold}`],
    ['window', `${finding.window.start} to ${finding.window.end}`],
    ['technique', finding.technique],
    [plural(finding.messages.length, 'message'), finding.messages.join(', ')],
    [plural(finding.recipients.length, 'recipient'), finding.recipients.join(', ')],
    ['connector', finding.connector],
    ['log.record.uid', finding.uid],
  ];
}
