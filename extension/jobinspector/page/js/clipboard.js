// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { h } from './dom.js';
import { toast } from './parts/toast.js';

/** Copies a text and shows a message. Works without TLS too, where browsers have no navigator.clipboard. */
export async function copyText(text, what) {
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else copyBySelection(text);
    toast(`Copied ${what}.`);
  } catch (error) {
    toast(`The browser refused to copy: ${error.message}`, 'bad');
  }
}

function copyBySelection(text) {
  const field = h('textarea', { class: 'offscreen', readonly: true, 'aria-hidden': 'true' });
  const focused = document.activeElement;
  field.value = text;
  document.body.append(field);
  field.select();
  const copied = document.execCommand('copy');
  field.remove();
  focused?.focus();
  if (!copied) throw new Error('copying is off');
}
