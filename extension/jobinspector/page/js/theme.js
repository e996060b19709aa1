// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { setAttr } from './dom.js';

const KEY = 'o365messagetrace.theme';
const dark = matchMedia('(prefers-color-scheme: dark)');

/** Tells when the colours change: a "change" event. */
export const themeChanges = new EventTarget();

/** Makes a button go from light to dark and back. The theme of the system counts until it is first used. */
export function bindTheme(button) {
  const describe = () => {
    const next = isDark() ? 'light' : 'dark';
    setAttr(button, 'aria-label', `Use the ${next} theme`);
    setAttr(button, 'title', `Use the ${next} theme`);
    themeChanges.dispatchEvent(new Event('change'));
  };
  button.addEventListener('click', () => {
    const next = isDark() ? 'light' : 'dark';
    document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // No storage: the choice holds until the reload.
    }
    describe();
  });
  dark.addEventListener('change', describe);
  describe();
}

function isDark() {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === 'dark' : dark.matches;
}

/** The present colour of a custom property, resolved, for a canvas. */
export function color(property) {
  const probe = document.createElement('span');
  probe.style.color = `var(${property})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}
