// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Filters write to the address and are set from it: they keep no state of their own.

import { inputs, serverNow } from '../api.js';
import { h, setText } from '../dom.js';
import { fieldTime, label as labelOf, parseTime, timeOfField } from '../format.js';
import { poll } from '../poll.js';
import { setQuery } from '../router.js';

const INPUTS_MS = 15_000;

/**
 * A labelled choice of one among few or many values; the empty value means all.
 * @param {object} options
 * @param {string} options.name of the query parameter
 * @param {string} options.label
 * @param {string} options.all text of the empty choice
 * @param {[string, string][]} [options.choices] value and text
 */
export function selectFilter({ name, label, all, choices = [] }) {
  const select = h('select', { id: `filter-${name}`, onchange: () => setQuery({ [name]: select.value }) });
  const element = h('div', { class: 'field' }, h('label', { for: select.id }, label), select);
  let wanted = '';
  let known = null;

  const self = {
    element,
    setChoices(next) {
      const all_ = [['', all], ...next];
      // A value of the address that is no longer to be had stays visible, else the filter would lie.
      if (wanted && !next.some(([value]) => value === wanted)) all_.push([wanted, wanted]);
      const signature = JSON.stringify(all_);
      if (signature !== known) {
        known = signature;
        select.replaceChildren(...all_.map(([value, text]) => h('option', { value }, text)));
      }
      select.value = wanted;
    },
    set(value = '') {
      wanted = value;
      self.setChoices(choices);
    },
    /** Replaces the choices known from the beginning. */
    offer(next) {
      choices = next;
      self.setChoices(next);
    },
  };
  return self;
}

/** A choice among the inputs of the collector, kept up to date, and one among their tags. */
export function inputFilters() {
  const input = selectFilter({ name: 'input', label: 'Input', all: 'All inputs' });
  const tag = selectFilter({ name: 'tag', label: 'Tag', all: 'All tags' });
  const poller = poll({
    load: (signal) => inputs({}, signal),
    show(items) {
      input.offer(items.map(({ id }) => [id, id]));
      const tags = [...new Set(items.flatMap((item) => item.tags ?? []))].sort();
      tag.offer(tags.map((name) => [name, name]));
      tag.element.hidden = tags.length === 0;
    },
    interval: INPUTS_MS,
  });
  return { input, tag, stop: () => poller.stop() };
}

/**
 * A row of radio buttons that look like one control; arrow keys move in it.
 * @param {object} options
 * @param {string} options.name of the query parameter
 * @param {string} options.label
 * @param {[string, string][]} options.choices value and text
 * @param {(value: string) => void} [options.change] default: write to the address
 */
export function segments({ name, label, choices, change = (value) => setQuery({ [name]: value }) }) {
  const radios = choices.map(([value, text]) => {
    const radio = h('input', { type: 'radio', name: `segment-${name}`, value, onchange: () => change(value) });
    return h('label', null, radio, h('span', null, text));
  });
  const element = h('fieldset', { class: 'segments' }, h('legend', null, label), h('div', null, radios));
  return {
    element,
    set(value = '') {
      for (const radio of element.querySelectorAll('input')) radio.checked = radio.value === value;
    },
  };
}

/** A text field that writes to the address a little after the last key. */
export function searchFilter({ name, label, placeholder, change = (value) => setQuery({ [name]: value }) }) {
  let timer = 0;
  const field = h('input', {
    type: 'search',
    id: `filter-${name}`,
    placeholder,
    autocomplete: 'off',
    spellcheck: 'false',
    oninput() {
      clearTimeout(timer);
      timer = setTimeout(() => change(field.value.trim()), 250);
    },
  });
  const element = h('div', { class: 'field field-search' }, h('label', { for: field.id }, label), field);
  return {
    element,
    set(value = '') {
      if (document.activeElement !== field) field.value = value;
    },
    stop: () => clearTimeout(timer),
  };
}

const AGES = [['15', 'Last 15 min'], ['60', 'Last hour'], ['240', 'Last 4 h'], ['1440', 'Last 24 h']];

/**
 * A choice of a time that ends now, or of one between two instants: `last` in minutes, or `from` and `to`, in the address.
 * @returns {{elements: Element[], set: (query: {last?: string, from?: string, to?: string}) => void}}
 */
export function timeFilter() {
  const select = h('select', { id: 'filter-last', onchange: () => choose(select.value) },
    [['', 'Any time'], ...AGES, ['between', 'Between …']].map(([value, text]) => h('option', { value }, text)));
  const fields = ['from', 'to'].map((name) => {
    const field = h('input', {
      type: 'datetime-local', id: `filter-${name}`, step: '1', onchange: () => setQuery({ [name]: timeOfField(field.value)?.toISOString() ?? '', last: '' }),
    });
    return { name, field, element: h('div', { class: 'field', hidden: true }, h('label', { for: field.id }, labelOf(name)), field) };
  });
  const reveal = (on) => { for (const { element } of fields) element.hidden = !on; };
  const choose = (value) => {
    reveal(value === 'between');
    if (value === 'between') fields[0].field.focus();
    else setQuery({ last: value, from: '', to: '' });
  };
  return {
    elements: [h('div', { class: 'field' }, h('label', { for: select.id }, 'Time'), select), ...fields.map(({ element }) => element)],
    set(query) {
      const between = Boolean(query.from || query.to);
      if (between || select.value !== 'between') {
        select.value = between ? 'between' : AGES.some(([value]) => value === query.last) ? query.last : '';
      }
      reveal(select.value === 'between');
      for (const { name, field } of fields) {
        const time = parseTime(query[name]);
        if (document.activeElement !== field) field.value = time ? fieldTime(time) : '';
      }
    },
  };
}

/** The parameters of the API for what timeFilter has written to the address. */
export function timeRange({ last, from, to }) {
  if (!last) return { from, to };
  return { from: new Date(serverNow() - Number(last) * 60_000 || 0).toISOString() };
}

/** A paragraph about what a list holds. It changes often, so it is not read out. */
export function summaryLine() {
  const element = h('p', { class: 'summary' });
  return { element, set: (text) => setText(element, text) };
}
