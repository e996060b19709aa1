// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { connection } from './api.js';
import { h, setAttr, setText } from './dom.js';
import { features, loadFeatures } from './features.js';
import { clock, zone } from './format.js';
import { openReadWindow } from './parts/readwindow.js';
import { refreshAll } from './poll.js';
import { href, onRoute } from './router.js';
import { bindTheme } from './theme.js';
import * as graphs from './views/graphs.js';
import * as job from './views/job.js';
import * as jobs from './views/jobs.js';
import * as live from './views/live.js';
import * as log from './views/log.js';
import * as overview from './views/overview.js';

const VIEWS = { overview, jobs, job, live, graphs, log };

const main = document.getElementById('main');
let mounted = null;

function show(route) {
  const key = `${route.view} ${route.id}`;
  if (mounted?.key !== key) {
    mounted?.view.stop();
    main.replaceChildren();
    const first = mounted === null;
    mounted = { key, view: VIEWS[route.view].mount(main, route) };
    document.title = `${VIEWS[route.view].title} · Job Inspector`;
    if (!first) {
      scrollTo(0, 0);
      main.querySelector('h1')?.focus({ preventScroll: true });
    }
  }
  mounted.view.update(route);
  markTab(route);
}

// The input that one view is filtered by goes along to the next.
function markTab(route) {
  for (const link of document.querySelectorAll('#tabs a')) {
    const { view } = link.dataset;
    link.href = view === 'overview' ? href(view) : href(view, { input: route.query.input });
    setAttr(link, 'aria-current', view === route.view ? 'page' : view === 'jobs' && route.view === 'job' ? 'true' : null);
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
    return; // Unreachable: the banner says so.
  }
  document.getElementById('read-window').hidden = features.readOnly;
  setText(document.getElementById('version'), features.version && `Version ${features.version}`);
}

document.getElementById('skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
document.getElementById('read-window').addEventListener('click', openReadWindow);
setText(document.getElementById('zone'), `Times in ${zone()}; UTC on hover`);
bindTheme(document.getElementById('theme'));
bindConnection();
applyFeatures().finally(() => onRoute(show));
