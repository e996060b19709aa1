// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { download, serverNow } from '../api.js';
import { h, icon } from '../dom.js';
import { day } from '../format.js';
import { toast } from './toast.js';

/** Buttons that save all pages of a list as CSV or JSON. @param {string} path jobs, logs or findings @param {() => object} query */
export function saveButtons(path, query) {
  const button = (text, type) => {
    const element = h('button', { class: 'button', type: 'button', title: `Save what the filters select as ${text}` }, icon('save'), text);
    element.addEventListener('click', async () => {
      element.disabled = true;
      try {
        saveAs(await download(path, query(), type), `${path}-${day(serverNow())}.${text.toLowerCase()}`);
      } catch (error) {
        toast(`Not saved: ${error.message}`, 'bad');
      } finally {
        element.disabled = false;
      }
    });
    return element;
  };
  return h('div', { class: 'toolbar', role: 'group', 'aria-label': 'Save' }, button('CSV', 'text/csv'), button('JSON', 'application/json'));
}

function saveAs(blob, name) {
  const url = URL.createObjectURL(blob);
  h('a', { href: url, download: name }).click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
