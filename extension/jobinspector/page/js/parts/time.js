// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { h, setAttr, setText } from '../dom.js';
import { dateTime, parseTime, span, utc } from '../format.js';

/** A <time> in the browser's zone, with UTC in its title. Without a time it shows a dash. */
export function timeElement(text) {
  const element = h('time');
  setTime(element, text);
  return element;
}

/** Changes what timeElement shows. */
export function setTime(element, text) {
  const time = parseTime(text);
  setText(element, dateTime(time));
  setAttr(element, 'datetime', time?.toISOString());
  setAttr(element, 'title', time && utc(time));
}

/** The window {start, end} of a job, with UTC in its title. */
export function setSpan(element, window) {
  const start = parseTime(window?.start);
  const end = parseTime(window?.end);
  setText(element, span(start, end));
  setAttr(element, 'title', start && end && `${utc(start)} – ${utc(end)}`);
}
