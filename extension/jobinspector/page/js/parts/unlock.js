// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { h, setText } from '../dom.js';
import { features, loadFeatures } from '../features.js';
import { setToken } from '../session.js';
import { openDialog } from './dialog.js';

/**
 * Whether the collector lets this page change something and see live mail. Asks for the token if that is missing.
 * @returns {Promise<boolean>} false if the user did not give it
 */
export async function authorized() {
  if (features.authorized) return true;
  return new Promise((resolve) => {
    const dialog = openDialog('This needs the token of the log', form(() => dialog.close()));
    dialog.addEventListener('close', () => resolve(features.authorized));
  });
}

function form(done) {
  const field = h('input', { id: 'token', type: 'text', autocomplete: 'off', spellcheck: 'false', required: true, 'aria-describedby': 'token-help' });
  const answer = h('p', { class: 'note is-bad', role: 'alert', hidden: true });
  const refuse = (text) => {
    setText(answer, text);
    answer.hidden = false;
  };
  return h('form', { class: 'read-form', onsubmit: (event) => send(event) },
    h('p', { id: 'token-help', class: 'muted' },
      'Everybody on this machine can read which jobs ran. Reading a window, cancelling a job and live mail need the link that the collector logged, at level info, when it started: ',
      h('code', null, 'the Job Inspector is at …/#token=…'), '. Open that link, or paste it here.'),
    h('div', { class: 'field' }, h('label', { for: field.id }, 'Link or token'), field),
    answer,
    h('div', { class: 'dialog-actions' },
      h('button', { class: 'button', type: 'button', onclick: done }, 'Close'),
      h('button', { class: 'button is-primary', type: 'submit' }, 'Use it')));

  async function send(event) {
    event.preventDefault();
    if (!setToken(field.value)) {
      refuse('This is neither the link nor its token.');
      return;
    }
    try {
      await loadFeatures();
    } catch (error) {
      refuse(error.message);
      return;
    }
    if (features.authorized) done();
    else refuse('The collector does not know this token. It has another one after each start: take the link from its latest log.');
  }
}
