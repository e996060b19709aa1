// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Building and changing the document. Everything that comes from the API passes through here as text: senders choose
// subjects and addresses, so nothing in this page parses a string as HTML.

const SVG = 'http://www.w3.org/2000/svg';

/**
 * Makes an element. Strings and numbers among the children become text; null, undefined and false are left out.
 * @param {string} tag
 * @param {Object<string, any>} [props] attributes; `class`, `dataset`, and functions under `onclick` and the like
 * @param {...any} children
 * @returns {HTMLElement}
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  setProps(element, props);
  element.append(...children.flat(Infinity).filter(isShown));
  return element;
}

/** Makes an SVG element; its arguments are those of h. */
export function svg(tag, props, ...children) {
  const element = document.createElementNS(SVG, tag);
  setProps(element, props);
  element.append(...children.flat(Infinity).filter(isShown));
  return element;
}

/** One of the symbols of index.html, hidden from screen readers. */
export function icon(name) {
  return svg('svg', { class: 'icon', 'aria-hidden': 'true' }, svg('use', { href: `#icon-${name}` }));
}

function isShown(child) {
  return child !== null && child !== undefined && child !== false;
}

function setProps(element, props) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (name === 'dataset') Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
}

/** Sets the text of an element, and touches it only when the text differs: a selection in it survives. */
export function setText(element, text) {
  const next = text === null || text === undefined ? '' : String(text);
  if (element.textContent !== next) element.textContent = next;
}

/** Sets an attribute, or removes it for null and false; does nothing when it is so already. */
export function setAttr(element, name, value) {
  if (value === null || value === undefined || value === false) {
    element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) {
    element.setAttribute(name, String(value));
  }
}

/** Shows the child or children given in place of all others, without touching them when they are there already. */
export function setChildren(parent, ...children) {
  const next = children.flat(Infinity).filter(isShown);
  const same = next.length === parent.childNodes.length && next.every((child, i) => parent.childNodes[i] === child);
  if (!same) parent.replaceChildren(...next);
}

/**
 * Keeps a list of elements equal to a list of items, so that focus, selection, scroll position and open details survive
 * an update. Elements are moved only when their order changed.
 * @param {Element} parent
 * @param {(item: any) => string} keyOf
 * @param {(item: any) => {element: Element, update: (item: any) => void}} create
 * @returns {(items: any[]) => void}
 */
export function keyedList(parent, keyOf, create) {
  const parts = new Map();
  return (items) => {
    const keep = new Set(items.map(keyOf));
    for (const [key, part] of parts) {
      if (keep.has(key)) continue;
      part.element.remove();
      parts.delete(key);
    }
    let place = parent.firstElementChild;
    for (const item of items) {
      const key = keyOf(item);
      if (!parts.has(key)) parts.set(key, create(item));
      const part = parts.get(key);
      part.update(item);
      if (part.element === place) place = place.nextElementSibling;
      else parent.insertBefore(part.element, place);
    }
  };
}
