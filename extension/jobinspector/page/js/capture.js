// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { ApiError, captureStream } from './api.js';

/** How many records are kept. */
export const KEPT = 500;

/** How long after a lost connection the next one is tried. */
const AGAIN_MS = 2000;

const ENDS = {
  slow: 'Records came faster than this browser took them, so the collector ended the capture. Capture a single input, or close other captures.',
  shutdown: 'The collector is shutting down, so it ended the capture.',
};

/**
 * A live capture. Records live in this page alone, and only the last of them; it runs from start to stop.
 * Records that come while it is paused wait, as many as are kept, too.
 */
export class Capture extends EventTarget {
  records = [];
  waiting = [];
  received = 0;
  /** @type {'off'|'connecting'|'on'|'reconnecting'} */
  state = 'off';
  paused = false;
  /** @type {Error|null} */
  error = null;
  /** @type {AbortController|null} */
  #stream = null;
  #scheduled = false;
  #lastKey = 0;

  /** Opens the stream; one that is open is closed first. @param {{input?: string}} query */
  start(query) {
    this.stop();
    this.error = null;
    this.state = 'connecting';
    this.#stream = new AbortController();
    this.#changed();
    this.#read(query, this.#stream);
  }

  stop() {
    this.#stream?.abort();
    this.#stream = null;
    this.#enter('off');
  }

  pause(paused) {
    this.paused = paused;
    this.#changed();
  }

  clear() {
    this.records = [];
    this.waiting = [];
    this.received = 0;
    this.#changed();
  }

  // Reads until the collector ends or refuses the capture, and connects again where the connection is lost.
  async #read(query, stream) {
    while (stream === this.#stream) {
      try {
        const events = await captureStream(query, stream.signal);
        if (stream === this.#stream) this.#enter('on');
        for await (const { event, data } of events) {
          if (stream !== this.#stream) return;
          if (event === 'end') this.#fail(new Error(ENDS[reasonOf(data)] ?? 'The collector ended the capture.'));
          else this.#take(data);
        }
      } catch (error) {
        if (stream !== this.#stream) return;
        if (error instanceof ApiError) this.#fail(error);
      }
      if (stream !== this.#stream) return;
      this.#enter('reconnecting');
      await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS); });
    }
  }

  #fail(error) {
    this.stop();
    this.error = error;
  }

  #enter(state) {
    this.state = state;
    this.#changed();
  }

  #take(data) {
    let record;
    try {
      record = JSON.parse(data);
    } catch {
      return;
    }
    this.received++;
    this.waiting.push({ key: String(++this.#lastKey), record, time: Date.parse(record.time) || 0 });
    if (this.waiting.length > KEPT) this.waiting.splice(0, this.waiting.length - KEPT);
    this.#changed();
  }

  // One event for a burst of records.
  #changed() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      if (!this.paused && this.waiting.length > 0) {
        this.records = [...this.waiting.reverse(), ...this.records].slice(0, KEPT);
        this.waiting = [];
      }
      this.dispatchEvent(new Event('change'));
    });
  }
}

function reasonOf(data) {
  try {
    return JSON.parse(data).reason;
  } catch {
    return '';
  }
}
