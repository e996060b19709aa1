// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// The token that the collector logs when it starts, as part of a link to this page. It is kept for as long as the tab is
// open, and taken out of the address at once, so that it is neither in the history nor in a link that somebody copies.

const KEY = 'o365messagetrace.token';
const PATTERN = /(?:^#|[?&#])token=([A-Za-z0-9_-]+)/;

let current = '';
try {
  current = sessionStorage.getItem(KEY) ?? '';
} catch {
  // No storage: the token holds until the reload.
}

/** Dispatches "change" when there is another token, or when the collector has refused the one that there is. */
export const session = new EventTarget();

/** The token, "" without one. */
export function token() {
  return current;
}

/** Keeps a token, or the one in a link to this page. Returns false if the text holds none. */
export function setToken(text) {
  const found = PATTERN.exec(text)?.[1] ?? /^[A-Za-z0-9_-]+$/.exec(text.trim())?.[0];
  if (!found) return false;
  current = found;
  try {
    sessionStorage.setItem(KEY, found);
  } catch {
    // As above.
  }
  session.dispatchEvent(new Event('change'));
  return true;
}

/**
 * Notes that the collector refused a request. With the code `token` it wants another token, as after a restart; with any
 * other one it wants the user to sign in (auth), which a token would get in the way of.
 */
export function tokenRefused(code) {
  if (code !== 'token') {
    if (!current) return;
    forget();
  }
  session.dispatchEvent(new Event('change'));
}

function forget() {
  current = '';
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // As above.
  }
}

/** Takes the token out of the address, if there is one. */
export function takeToken() {
  if (!PATTERN.test(location.hash)) return;
  const hash = location.hash;
  history.replaceState(null, '', `${location.pathname}${location.search}#/`);
  setToken(hash);
}
