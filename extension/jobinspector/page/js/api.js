// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// The only place that talks to the collector. Addresses are relative to the page, so it also works behind a path prefix.

import { token, tokenRefused } from './session.js';

const BASE = new URL('api/v1/', document.baseURI);
const TIMEOUT_MS = 15_000;

let clockOffset = 0;

/** Tells whether the collector answers: "reachable" and "unreachable" events, on every call. */
export const connection = new EventTarget();

/** The collector answered, with an error. */
export class ApiError extends Error {
  /** @param {number} status @param {string} code @param {string} message */
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The collector did not answer at all. */
export class UnreachableError extends Error {}

/** The collector's clock now, as far as its answers tell: ages are wrong on a browser whose clock is off. */
export function serverNow() {
  return new Date(Date.now() + clockOffset);
}

/** The inputs, those with a tag when one is given. */
export async function inputs(query, signal) {
  return (await get('inputs', query, signal)).items ?? [];
}

/** One page of jobs, newest first: {items, next, total}. */
export async function jobs(query, signal) {
  return list(await get('jobs', query, signal));
}

/** One job with its log. */
export function job(id, signal) {
  return get(`jobs/${encodeURIComponent(id)}`, {}, signal);
}

/** Log lines, newest first: {items, next}. */
export async function logs(query, signal) {
  return list(await get('logs', query, signal));
}

/** What was found in mail, the latest first: {items, next}. */
export async function findings(query, signal) {
  return list(await get('findings', query, signal));
}

/** One point per minute. */
export async function series(query, signal) {
  return (await get('series', query, signal)).items ?? [];
}

/** The senders and recipients with most rows of the last hour: {senders, recipients}. */
export function top(query, signal) {
  return get('top', query, signal);
}

/** What the inspector allows: {version, read_only, capture, authorized, findings}; null if it does not answer that. */
export async function inspector(signal) {
  try {
    return await get('inspector', {}, signal);
  } catch (error) {
    if (error instanceof ApiError) return null;
    throw error;
  }
}

/** Reads a window now: {input, start, end, redeliver}. */
export function createJob(request) {
  return call('jobs', { method: 'POST', body: request });
}

/** Cancels a job that has not ended. */
export function cancelJob(id) {
  return call(`jobs/${encodeURIComponent(id)}/cancel`, { method: 'POST', body: {} });
}

/**
 * Opens the live capture. No EventSource, since that cannot send the token.
 * @returns {Promise<AsyncIterable<{event: string, data: string}>>} its events, until the stream ends
 */
export async function captureStream(query, signal) {
  return events((await request(address('capture', query), { signal })).body);
}

// Server-sent events as the collector writes them: each line is whole, and one line of data is an event.
async function* events(body) {
  let rest = '';
  let event = '';
  for await (const chunk of chunks(body.pipeThrough(new TextDecoderStream()))) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith('event: ')) event = line.slice('event: '.length);
      if (line.startsWith('data: ')) yield { event, data: line.slice('data: '.length) };
      if (line === '') event = '';
    }
  }
}

// Not every browser can iterate over a stream.
async function* chunks(stream) {
  const reader = stream.getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
  } finally {
    reader.cancel().catch(() => {});
  }
}

/**
 * All pages of a list, as a file: `jobs`, `logs` or `findings`, as text/csv or application/json.
 * @returns {Promise<Blob>}
 */
export async function download(path, query, type) {
  const parts = [];
  let url = address(path, { ...query, limit: 1000 });
  while (url) {
    const response = await request(url, { signal: AbortSignal.timeout(TIMEOUT_MS), headers: { Accept: type } });
    const page = type === 'text/csv' ? await csvPage(response) : await jsonPage(response, url);
    parts.push(page.text(parts.length === 0));
    url = page.next;
  }
  return new Blob(type === 'text/csv' ? parts : ['[', ...parts.filter(Boolean).flatMap((part, i) => (i === 0 ? [part] : [',\n', part])), ']\n'], { type });
}

// Only the first page keeps the names of the columns.
async function csvPage(response) {
  const next = /^<(.*)>; rel="next"$/.exec(response.headers.get('Link') ?? '')?.[1];
  const text = await response.text();
  return { next: next && withQueryOf(next), text: (first) => (first ? text : text.slice(text.indexOf('\n') + 1)) };
}

async function jsonPage(response, url) {
  const { items, next } = await response.json();
  const more = new URL(url);
  more.searchParams.set('after', next ?? '');
  return { next: next ? more : null, text: () => items.map((item) => JSON.stringify(item)).join(',\n') };
}

// The collector does not know behind which path prefix it is.
function withQueryOf(link) {
  const { pathname, search } = new URL(link, document.baseURI);
  return new URL(pathname.split('/').at(-1) + search, BASE);
}

function list(answer) {
  return { items: answer.items ?? [], next: answer.next ?? '', total: answer.total };
}

function get(path, query, signal) {
  return call(path, { query, signal });
}

function address(path, query) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== '' && value !== null && value !== undefined) url.searchParams.set(name, value);
  }
  return url;
}

async function call(path, { query, method = 'GET', body, signal } = {}) {
  const limits = [AbortSignal.timeout(TIMEOUT_MS), signal].filter(Boolean);
  const options = { method, signal: AbortSignal.any(limits), headers: { Accept: 'application/json' } };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers['Content-Type'] = 'application/json';
  }
  try {
    const response = await request(address(path, query), options);
    return await response.json();
  } catch (error) {
    if (signal?.aborted || error instanceof ApiError || error instanceof UnreachableError) throw error;
    throw new UnreachableError('The answer was cut off.', { cause: error });
  }
}

async function request(url, options) {
  let response;
  const headers = { ...options.headers, ...(token() && { Authorization: `Bearer ${token()}` }) };
  try {
    response = await fetch(url, { ...options, headers, cache: 'no-store', credentials: 'same-origin', redirect: 'error' });
  } catch (error) {
    if (error.name !== 'AbortError') connection.dispatchEvent(new Event('unreachable'));
    throw error.name === 'AbortError' ? error : new UnreachableError('The collector does not answer.', { cause: error });
  }
  connection.dispatchEvent(new Event('reachable'));
  noteClock(response.headers.get('Date'));
  if (response.ok) return response;
  const error = await apiError(response);
  if (response.status === 401) tokenRefused(error.code);
  throw error;
}

async function apiError(response) {
  try {
    const { error } = await response.json();
    return new ApiError(response.status, error.code, error.message);
  } catch {
    return new ApiError(response.status, '', `The server answered ${response.status} ${response.statusText}`.trim());
  }
}

// The header counts whole seconds, so a small difference means nothing.
function noteClock(header) {
  const offset = Date.parse(header ?? '') + 500 - Date.now();
  if (Number.isFinite(offset)) clockOffset = Math.abs(offset) > 2000 ? offset : 0;
}
