// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// The state of the page is in its address: #/jobs?state=failed, #/jobs/<id>. A reload or a sent link shows the same.

import { takeToken } from './session.js';

const listeners = new Set();

/**
 * The view in the address, with its filters.
 * @typedef {{view: string, id: string, query: Object<string, string>}} Route
 * @returns {Route}
 */
export function currentRoute() {
  const [path, search = ''] = location.hash.replace(/^#\/?/, '').split('?', 2);
  const [view, id = ''] = path.split('/', 2);
  const query = Object.fromEntries(new URLSearchParams(search));
  if (view === 'jobs' && id) return { view: 'job', id: decode(id), query };
  return { view: view || 'overview', id: '', query };
}

/** The address of a view: href('jobs', {state: 'failed'}), href('job', {}, id). Empty values are left out. */
export function href(view, query = {}, id = '') {
  const path = view === 'job' ? `jobs/${encodeURIComponent(id)}` : view;
  const filled = Object.entries(query).filter(([, value]) => value !== '' && value !== null && value !== undefined);
  const search = new URLSearchParams(filled).toString();
  return `#/${path}${search ? `?${search}` : ''}`;
}

/** Changes filters of the current view without a step in the browser's history. A cursor does not survive a filter. */
export function setQuery(changes) {
  const route = currentRoute();
  const query = { ...route.query, after: '', ...changes };
  history.replaceState(null, '', href(route.view, query, route.id));
  notify();
}

/** Calls back now and whenever the address changes. */
export function onRoute(listener) {
  takeToken();
  listeners.add(listener);
  listener(currentRoute());
}

function notify() {
  takeToken();
  const route = currentRoute();
  for (const listener of listeners) listener(route);
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

window.addEventListener('hashchange', notify);
