// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { h } from '../dom.js';

const SHOWN_MS = 6000;

/** Says a sentence at the edge of the page for six seconds; screen readers read it out. */
export function toast(text, kind = 'info') {
  const element = h('p', { class: `toast is-${kind}` }, text);
  document.getElementById('toasts').append(element);
  setTimeout(() => element.remove(), SHOWN_MS);
}
