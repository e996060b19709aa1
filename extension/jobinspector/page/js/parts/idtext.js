// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { h } from '../dom.js';

/** A component ID, which may break after its slash: children for h. */
export function idText(id) {
  const [type, ...name] = String(id).split('/');
  return name.length === 0 ? [type] : [`${type}/`, h('wbr'), name.join('/')];
}
