// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

const PLAIN = /^[A-Za-z0-9/_.@<-][^#:{}[\]&*!|>'"%`,]*(?:[:][^\s#{}[\]][^#{}[\]]*)*$/;

/**
 * A configuration as its users write it: a block for each object, a list of plain values on one line.
 * @param {object} value
 * @returns {string}
 */
export function yaml(value, indent = '') {
  return Object.entries(value).map(([name, item]) => `${indent}${name}:${block(item, indent)}`).join('\n');
}

function block(item, indent) {
  if (!isObject(item)) return ` ${inline(item)}`;
  return Object.keys(item).length === 0 ? ' {}' : `\n${yaml(item, `${indent}  `)}`;
}

function inline(item) {
  if (Array.isArray(item)) return `[${item.map(inline).join(', ')}]`;
  if (isObject(item)) return `{${Object.entries(item).map(([name, value]) => `${name}: ${inline(value)}`).join(', ')}}`;
  return typeof item === 'string' && PLAIN.test(item) ? item : JSON.stringify(item);
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
