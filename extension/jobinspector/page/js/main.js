// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { connection } from './api.js';
import { h, setAttr, setText } from './dom.js';
import { features, loadFeatures } from './features.js';
import { clock } from './format.js';
import { openReadWindow } from './parts/readwindow.js';
import { authorized } from './parts/unlock.js';
import { refreshAll } from './poll.js';
import { currentRoute, href, onRoute } from './router.js';
import { session, takeToken } from './session.js';
import { bindTheme } from './theme.js';
import { TABS, viewOf } from './views/index.js';
import { bindZone, zoneChanges } from './zone.js';

const main = document.getElementById('main');
const tabs = document.getElementById('tabs');
let mounted = null;

function show(route) {
  const view = viewOf(route);
  if (mounted?.view !== view || mounted.id !== route.id) {
    const first = mounted === null;
    mount(view, route);
    if (!first) {
      scrollTo(0, 0);
      main.querySelector('h1')?.focus({ preventScroll: true });
    }
  }
  mounted.running.update(route);
  markTab(route, view);
}

function mount(view, route) {
  mounted?.running.stop();
  main.replaceChildren();
  mounted = { view, id: route.id, running: view.mount(main, route) };
  document.title = `${view.title} · Job Inspector`;
}

// Builds the view again, as when times are in another zone.
function remount() {
  if (!mounted) return;
  const route = currentRoute();
  mount(viewOf(route), route);
  mounted.running.update(route);
}

// The input that one view is filtered by goes along to the next.
function markTab(route, shown) {
  for (const { name, view } of TABS) {
    const link = tabs.querySelector(`[data-view="${name}"]`);
    link.href = name === 'overview' || name === 'findings' ? href(name) : href(name, { input: route.query.input });
    setAttr(link, 'aria-current', view === shown ? 'page' : name === 'jobs' && route.view === 'job' ? 'true' : null);
  }
}

function bindConnection() {
  const banner = document.getElementById('banner');
  const since = h('span');
  let lastAnswer = null;
  banner.append(
    h('span', null, h('strong', null, 'The collector does not answer.'), ' ', since, ' This page tries again by itself.'),
    h('button', { class: 'button button-small', type: 'button', onclick: refreshAll }, 'Try now'));
  connection.addEventListener('reachable', () => {
    lastAnswer = new Date();
    banner.hidden = true;
  });
  connection.addEventListener('unreachable', () => {
    setText(since, lastAnswer ? `What you see is of ${clock(lastAnswer)}.` : '');
    banner.hidden = false;
  });
}

async function applyFeatures() {
  try {
    await loadFeatures();
  } catch {
    return; // Unreachable: the banner is shown.
  }
  document.getElementById('read-window').hidden = features.readOnly;
  setText(document.getElementById('version'), features.version && `Version ${features.version}`);
}

document.getElementById('skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
document.getElementById('read-window').addEventListener('click', async () => { if (await authorized()) openReadWindow(); });
tabs.append(...TABS.map(({ name, text }) => h('a', { href: href(name), dataset: { view: name } }, text)));
bindZone(document.getElementById('zone'));
bindTheme(document.getElementById('theme'));
bindConnection();
zoneChanges.addEventListener('change', remount);
session.addEventListener('change', applyFeatures);
takeToken();
applyFeatures().finally(() => onRoute(show));
