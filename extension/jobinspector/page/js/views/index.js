// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import * as findings from './findings.js';
import * as graphs from './graphs.js';
import * as job from './job.js';
import * as jobs from './jobs.js';
import * as live from './live.js';
import * as log from './log.js';
import * as overview from './overview.js';

/**
 * The tabs, in their order: name in the address, text, and view. A view is a module with `title` and `mount(root, route)`,
 * which returns `update(route)` and `stop()`. One more tab is one more line here.
 */
export const TABS = [
  { name: 'overview', text: 'Overview', view: overview },
  { name: 'jobs', text: 'Jobs', view: jobs },
  { name: 'findings', text: 'Findings', view: findings },
  { name: 'live', text: 'Live data', view: live },
  { name: 'graphs', text: 'Graphs', view: graphs },
  { name: 'log', text: 'Log', view: log },
];

/** The view of a route: that of a tab, or of one job. The address of anything else shows the first tab. */
export function viewOf({ view }) {
  if (view === 'job') return job;
  return (TABS.find(({ name }) => name === view) ?? TABS[0]).view;
}
