// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

const LONGEST_MS = 15_000;

const running = new Set();

/**
 * Loads again and again: the next time an interval after the last one ended, more and more slowly while it fails, not at
 * all while the page is hidden.
 * @param {object} options
 * @param {(signal: AbortSignal) => Promise<any>} options.load
 * @param {(value: any) => void} options.show
 * @param {(error: Error) => void} [options.fail]
 * @param {number} options.interval milliseconds
 * @returns {{refresh: () => void, stop: () => void}} refresh drops what is under way and loads now
 */
export function poll({ load, show, fail = () => {}, interval }) {
  let timer = 0;
  let abort = null;
  let failures = 0;

  async function run() {
    if (!running.has(self)) return;
    clearTimeout(timer);
    abort?.abort();
    const own = new AbortController();
    abort = own;
    let outcome;
    try {
      const value = await load(own.signal);
      outcome = () => { failures = 0; show(value); };
    } catch (error) {
      outcome = () => { failures++; fail(error); };
    }
    if (own.signal.aborted) return;
    try {
      outcome();
    } finally {
      // What was shown may have stopped this or started it again.
      if (!own.signal.aborted && !document.hidden) {
        timer = setTimeout(run, Math.min(interval * 2 ** failures, Math.max(interval, LONGEST_MS)));
      }
    }
  }

  const self = {
    refresh: run,
    stop() {
      clearTimeout(timer);
      abort?.abort();
      running.delete(self);
    },
  };
  running.add(self);
  run();
  return self;
}

/** Loads everything on the page now. */
export function refreshAll() {
  for (const poller of [...running]) poller.refresh();
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) refreshAll();
});
