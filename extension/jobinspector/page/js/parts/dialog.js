// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { h, icon } from '../dom.js';

let lastId = 0;

/**
 * A modal dialog with a title and a close button. It is removed when it closes, and focus goes back to where it was.
 * @param {string} title
 * @param {...any} content
 * @returns {HTMLDialogElement}
 */
export function openDialog(title, ...content) {
  const id = `dialog-${++lastId}`;
  const close = h('button', { class: 'button button-icon button-quiet', type: 'button', 'aria-label': 'Close', onclick: () => dialog.close() }, icon('close'));
  const dialog = h('dialog', { 'aria-labelledby': id },
    h('div', { class: 'dialog-head' }, h('h2', { id }, title), close),
    content,
  );
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Asks before something that cannot be taken back.
 * @param {{title: string, text: string, yes: string, no?: string}} options
 * @returns {Promise<boolean>}
 */
export function confirmDialog({ title, text, yes, no = 'Keep it' }) {
  return new Promise((resolve) => {
    let answer = false;
    const decide = () => {
      answer = true;
      dialog.close();
    };
    const dialog = openDialog(title,
      h('p', null, text),
      h('div', { class: 'dialog-actions' },
        h('button', { class: 'button', type: 'button', autofocus: true, onclick: () => dialog.close() }, no),
        h('button', { class: 'button is-danger', type: 'button', onclick: decide }, yes)),
    );
    dialog.addEventListener('close', () => resolve(answer));
  });
}
