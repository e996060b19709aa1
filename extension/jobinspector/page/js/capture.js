// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { captureError, captureStream } from './api.js';

/** How many records are kept. */
export const KEPT = 500;

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
  #stream = null;
  #scheduled = false;
  #lastKey = 0;

  /** Opens the stream, anew if it is open. @param {{input?: string}} query */
  start(query) {
    this.stop();
    this.error = null;
    this.state = 'connecting';
    const stream = captureStream(query);
    this.#stream = stream;
    stream.onopen = () => this.#enter('on');
    stream.onmessage = (event) => this.#take(event.data);
    stream.addEventListener('end', (event) => this.#end(event.data));
    stream.onerror = () => this.#broken(stream, query);
    this.#changed();
  }

  stop() {
    this.#stream?.close();
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

  // The collector says why it ends a capture. Without this the browser would open the next one.
  #end(data) {
    let reason = '';
    try {
      reason = JSON.parse(data).reason;
    } catch {
      // Then without a reason.
    }
    this.#stop(new Error(ENDS[reason] ?? 'The collector ended the capture.'));
  }

  #stop(error) {
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
    this.waiting.push({ key: String(++this.#lastKey), record });
    if (this.waiting.length > KEPT) this.waiting.splice(0, this.waiting.length - KEPT);
    this.#changed();
  }

  // The browser connects again by itself, unless it was refused: then it closes the stream and does not say why.
  async #broken(stream, query) {
    if (stream !== this.#stream) return;
    this.#enter('reconnecting');
    if (stream.readyState !== EventSource.CLOSED) return;
    const error = await captureError(query);
    if (stream === this.#stream) this.#stop(error ?? new Error('The collector ended the capture.'));
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
