// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { createJob, inputs, serverNow } from '../api.js';
import { h, setChildren } from '../dom.js';
import { chosenZone, fieldTime, parseTime, span, timeOfField, utc } from '../format.js';
import { currentRoute, href } from '../router.js';
import { openDialog } from './dialog.js';

const PRESETS = [['Last 15 min', 15], ['Last hour', 60], ['Last 24 h', 24 * 60]];

/** Opens the dialog that reads a window now, with the input that the page is filtered by. */
export async function openReadWindow() {
  const form = readForm();
  const dialog = openDialog('Read a window now', form.element);
  form.element.addEventListener('reset', () => dialog.close());
  dialog.addEventListener('click', (event) => { if (event.target.closest('a')) dialog.close(); });
  try {
    form.offer((await inputs({})).map(({ id }) => id), currentRoute().query.input);
  } catch (error) {
    form.fail(error);
  }
}

function readForm() {
  const input = h('select', { id: 'read-input', required: true });
  const start = h('input', { id: 'read-start', type: 'datetime-local', step: '1', required: true });
  const end = h('input', { id: 'read-end', type: 'datetime-local', step: '1', required: true });
  const redeliver = h('input', { id: 'read-redeliver', type: 'checkbox', 'aria-describedby': 'read-redeliver-help' });
  const submit = h('button', { class: 'button is-primary', type: 'submit' }, 'Read it');
  const answer = h('div', { class: 'answer', 'aria-live': 'polite' });
  const take = (minutes) => {
    const now = serverNow();
    end.value = fieldTime(now);
    start.value = fieldTime(new Date(now - minutes * 60_000));
  };
  take(PRESETS[1][1]);

  const element = h('form', { class: 'read-form', onsubmit: (event) => send(event) },
    h('p', { class: 'muted' }, `Asks for all mail received in a window, as one backfill job. Times are in ${chosenZone()}.`),
    h('div', { class: 'field' }, h('label', { for: input.id }, 'Input'), input),
    h('div', { class: 'presets' }, PRESETS.map(([text, minutes]) => h('button', { class: 'button button-small', type: 'button', onclick: () => take(minutes) }, text))),
    h('div', { class: 'field-pair' },
      h('div', { class: 'field' }, h('label', { for: start.id }, 'From'), start),
      h('div', { class: 'field' }, h('label', { for: end.id }, 'To'), end)),
    h('div', { class: 'check' }, redeliver, h('div', null,
      h('label', { for: redeliver.id }, 'Deliver again what was delivered before'),
      h('p', { class: 'muted', id: 'read-redeliver-help' }, 'Without it, rows that the receiver still remembers are not sent a second time.'))),
    answer,
    h('div', { class: 'dialog-actions' }, h('button', { class: 'button', type: 'reset' }, 'Close'), submit));

  async function send(event) {
    event.preventDefault();
    submit.disabled = true;
    try {
      const request = { input: input.value, start: timeOfField(start.value), end: timeOfField(end.value), redeliver: redeliver.checked };
      setChildren(answer, accepted(await createJob(request), request.redeliver));
    } catch (error) {
      setChildren(answer, refused(error));
    } finally {
      submit.disabled = false;
    }
  }

  return {
    element,
    offer(ids, chosen) {
      input.replaceChildren(...ids.map((id) => h('option', { value: id }, id)));
      if (ids.includes(chosen)) input.value = chosen;
      submit.disabled = ids.length === 0;
    },
    fail: (error) => setChildren(answer, refused(error)),
  };
}

function refused(error) {
  return h('p', { class: 'note is-bad' }, `Not read: ${error.message}`);
}

function accepted(answer, redeliver) {
  return h('div', { class: 'note is-ok' },
    h('p', null, 'The job is under way. ', h('a', { href: href('job', {}, answer.id) }, 'Show the job')),
    part(answer.remembered, redeliver
      ? 'Still remembered, and delivered again:'
      : 'Still remembered: what was delivered before is left out.'),
    part(answer.forgotten, 'No longer remembered: everything is delivered, perhaps a second time.'));
}

// The answer lists the parts of the window that are still remembered.
function part(windows, meaning) {
  if (!windows?.length) return null;
  return h('div', null,
    h('p', null, meaning),
    h('ul', null, windows.map(({ start, end }) => windowItem(parseTime(start), parseTime(end)))));
}

function windowItem(start, end) {
  return h('li', { title: start && end ? `${utc(start)} – ${utc(end)}` : null }, span(start, end));
}
