// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// What a view shows when it has nothing to show, with what to do.

import { UnreachableError } from '../api.js';
import { h } from '../dom.js';

/** A quiet box with a title, sentences, and perhaps an action. */
export function emptyPanel(title, ...content) {
  return h('div', { class: 'empty' }, h('h2', null, title), content);
}

/** How to bind a receiver to this page. */
export function noInputsPanel() {
  const yaml = [
    'receivers:',
    '  o365messagetrace:',
    '    inspector: o365jobinspector',
    'service:',
    '  extensions: [o365jobinspector]',
  ].join('\n');
  return emptyPanel(
    'No inputs yet',
    h('p', null, 'A receiver appears here once it names this inspector in the configuration of the collector:'),
    h('pre', { class: 'code' }, yaml),
  );
}

/**
 * Why a view could not be loaded, and a way to try again.
 * @param {Error} error
 * @param {() => void} retry
 */
export function errorPanel(error, retry) {
  const { title, advice } = explain(error);
  return h('div', { class: 'empty is-error', role: 'alert' },
    h('h2', null, title),
    h('p', null, error.message),
    advice && h('p', { class: 'muted' }, advice),
    h('button', { class: 'button', type: 'button', onclick: retry }, 'Try again'),
  );
}

/** A heading and advice for an error of api.js. */
export function explain(error) {
  if (error instanceof UnreachableError) {
    return {
      title: 'The collector does not answer',
      advice: 'Is it running, and is the extension o365jobinspector in service.extensions? This page tries again by itself.',
    };
  }
  switch (error.status) {
    case 401: if (error.code === 'token') return { title: 'This needs the token of the log', advice: 'Open the link that the collector logged when it started last.' };
      return { title: 'Sign-in needed', advice: 'The server settings of o365jobinspector demand it (auth). Sign in and reload.' };
    case 403: return { title: 'Not allowed here', advice: '' };
    case 404: return { title: 'Not found', advice: 'A finished job stays listed for job_ttl of its receiver.' };
    default: return { title: 'The collector answered with an error', advice: '' };
  }
}
