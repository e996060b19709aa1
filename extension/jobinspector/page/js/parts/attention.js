// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { h, setAttr, setChildren } from '../dom.js';
import { number } from '../format.js';
import { href } from '../router.js';
import { conditionOf, pauseOf } from './badge.js';
import { isRunning } from './progress.js';

/** How far live mail may be behind, in poll intervals, before it counts as late. */
const LATE_INTERVALS = 3;

/** The groups of inputs that may need a look, the worst first, and how each is called in the address and to people. */
export const GROUPS = [
  { name: 'stopped', text: 'stopped', kind: 'bad', has: (input) => conditionOf(input).kind === 'bad' },
  { name: 'attention', text: 'need attention', one: 'needs attention', kind: 'warn', has: (input) => conditionOf(input).kind === 'warn' && !pauseOf(input) },
  { name: 'paused', text: 'paused', kind: 'warn', has: (input) => Boolean(pauseOf(input)) },
  { name: 'late', text: 'late', kind: 'warn', has: isLate },
  { name: 'backfill', text: 'in backfill', kind: 'info', has: (input) => isRunning(input.backfill) },
];

function isLate({ lag_s: lag, poll_interval_s: interval }) {
  return Number.isFinite(lag) && interval > 0 && lag > LATE_INTERVALS * interval;
}

/** The inputs of a group, all for any other name. */
export function ofGroup(inputs, name) {
  const group = GROUPS.find((each) => each.name === name);
  return group ? inputs.filter(group.has) : inputs;
}

/** The inputs with the worst first, then by how late they are, then by name. */
export function problemsFirst(inputs) {
  const rank = (input) => {
    const group = GROUPS.findIndex(({ has }) => has(input));
    return group < 0 ? GROUPS.length : group;
  };
  const order = inputs.map((input) => ({ input, rank: rank(input), lag: isLate(input) ? input.lag_s : 0 }));
  order.sort((a, b) => a.rank - b.rank || b.lag - a.lag || a.input.id.localeCompare(b.input.id, 'en', { numeric: true }));
  return order.map(({ input }) => input);
}

/**
 * Counts that link to what they count. Nothing is shown of what there is none of.
 * @returns {{element: HTMLElement, set: (inputs: object[], route: {show: string, tag: string}, failed: {total: number, query: object}) => void}}
 */
export function attention() {
  const element = h('ul', { class: 'attention', 'aria-label': 'What needs a look', hidden: true });
  const links = new Map();
  const link = (name, kind, text, address, current) => {
    if (!links.has(name)) links.set(name, h('li', null, h('a', { dataset: { count: name } })));
    const anchor = links.get(name).firstChild;
    anchor.className = `count is-${kind}`;
    anchor.href = address;
    setAttr(anchor, 'aria-current', current ? 'true' : null);
    if (anchor.textContent !== text) anchor.textContent = text;
    return links.get(name);
  };
  return {
    element,
    set(inputs, { show = '', tag = '' }, failed) {
      const items = GROUPS.map(({ name, text, one = text, kind }) => {
        const count = ofGroup(inputs, name).length;
        const current = name === show;
        return (count > 0 || current) && link(name, kind, `${number(count)} ${count === 1 ? one : text}`, href('overview', { tag, show: current ? '' : name }), current);
      });
      if (failed.total > 0) {
        items.push(link('failed', 'bad', `${number(failed.total)} job${failed.total === 1 ? '' : 's'} failed in the last hour`, href('jobs', failed.query), false));
      }
      setChildren(element, items);
      element.hidden = element.childElementCount === 0;
    },
  };
}
