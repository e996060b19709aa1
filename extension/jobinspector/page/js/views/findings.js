// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { findings } from '../api.js';
import { h, icon, keyedList, setChildren } from '../dom.js';
import { features } from '../features.js';
import { plural } from '../format.js';
import { selectFilter, summaryLine } from '../parts/filters.js';
import { findingItem, findingKey, RULES } from '../parts/finding.js';
import { emptyPanel, errorPanel } from '../parts/panels.js';
import { saveButtons } from '../parts/save.js';
import { authorized } from '../parts/unlock.js';
import { poll } from '../poll.js';
import { href } from '../router.js';

const FINDINGS_MS = 2000;
const PAGE = 100;

export const title = 'Findings';

/** What the connectors have found in mail, the latest first. */
export function mount(root) {
  const rule = selectFilter({ name: 'rule', label: 'Rule', all: 'All rules', choices: RULES });
  const tenant = selectFilter({ name: 'tenant', label: 'Tenant', all: 'All tenants' });
  const save = saveButtons('findings', () => ({ rule: query.rule, tenant: query.tenant }));
  const summary = summaryLine();
  const list = h('div', { class: 'records', 'aria-label': 'Findings' });
  const show = keyedList(list, findingKey, findingItem);
  const body = h('div');
  const locked = h('p', { class: 'muted locked', hidden: true },
    'Names and recipients need the token that the collector logged when it started. ',
    h('button', { class: 'button button-small', type: 'button', onclick: authorized }, icon('lock'), 'Enter the token'));
  const newest = h('a', { class: 'button', hidden: true }, icon('back'), 'Newest');
  const older = h('a', { class: 'button', hidden: true }, 'Older', icon('next'));
  root.append(
    h('div', { class: 'view-head' }, h('h1', { tabindex: '-1' }, title), summary.element),
    h('div', { class: 'filters' }, rule.element, tenant.element, save),
    locked, body, h('nav', { class: 'pager', 'aria-label': 'Pages' }, newest, older));

  const tenants = new Set();
  let query = null;
  let poller = null;
  let seen = false;

  return {
    update(route) {
      const changed = JSON.stringify(route.query) !== JSON.stringify(query);
      query = route.query;
      rule.set(query.rule);
      tenant.set(query.tenant);
      if (!changed) return;
      seen = false;
      poller?.stop();
      poller = poll({
        load: (signal) => findings({ rule: query.rule, tenant: query.tenant, after: query.after, limit: PAGE }, signal),
        show({ items, next }) {
          seen = true;
          for (const { tenant_id: id } of items) if (id) tenants.add(id);
          tenant.offer([...tenants].sort().map((id) => [id, id]));
          tenant.element.hidden = tenants.size < 2 && !query.tenant;
          locked.hidden = features.authorized || !features.capture || items.length === 0;
          show(items);
          summary.set(items.length === 0 ? '' : `${plural(items.length, 'finding')}${next || query.after ? ' on this page' : ''}, newest first`);
          newest.hidden = !query.after;
          newest.href = href('findings', { ...query, after: '' });
          older.hidden = !next;
          older.href = href('findings', { ...query, after: next });
          setChildren(body, items.length > 0 ? list : nothing(query));
        },
        fail: (error) => { if (!seen) setChildren(body, errorPanel(error, () => poller.refresh())); },
        interval: FINDINGS_MS,
      });
    },
    stop() {
      poller?.stop();
    },
  };
}

function nothing({ rule, tenant, after }) {
  return rule || tenant || after
    ? emptyPanel('No such findings', h('p', null, 'Nothing that was found is like this.'), h('a', { class: 'button', href: href('findings') }, 'Show all findings'))
    : emptyPanel('Nothing found', h('p', null, 'A connector o365findings that names this inspector shows here what it finds.'));
}
