// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Numbers, sizes, durations and times as people read them. Pure but for the time zone.

const NONE = '–';
const integer = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const oneDecimal = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 });

let inUTC = false;

/** Has times shown and read in UTC, or in the zone of the browser. */
export function useUTC(on) {
  inUTC = on;
}

/** 1234 → "1,234"; nothing → "–". */
export function number(value) {
  return Number.isFinite(value) ? integer.format(value) : NONE;
}

/** A number with its noun: plural(2, 'row') → "2 rows". */
export function plural(value, noun) {
  return `${number(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** Bytes to a decimal unit: 3_200_000 → "3.2 MB". */
export function bytes(value) {
  if (!Number.isFinite(value)) return NONE;
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let scaled = value;
  let unit = 0;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  const text = unit === 0 || scaled >= 100 ? integer.format(scaled) : oneDecimal.format(scaled);
  return `${text} ${units[unit]}`;
}

/** Seconds to the two largest units: 125 → "2 min 5 s"; below 10 s with one decimal, below 1 s in ms. */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return NONE;
  const value = Math.max(0, seconds);
  if (value === 0) return '0 s';
  if (value < 0.9995) return `${Math.max(1, Math.round(value * 1000))} ms`;
  if (value < 9.95) return `${oneDecimal.format(value)} s`;
  const whole = Math.round(value);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return two(Math.floor(whole / 60), 'min', whole % 60, 's');
  if (whole < 86400) return two(Math.floor(whole / 3600), 'h', Math.floor((whole % 3600) / 60), 'min');
  return two(Math.floor(whole / 86400), 'd', Math.floor((whole % 86400) / 3600), 'h');
}

function two(large, largeUnit, small, smallUnit) {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** A time of the API as a Date; null for none, for nonsense, and for Go's zero time. */
export function parseTime(text) {
  if (!text) return null;
  const time = new Date(text);
  return Number.isNaN(time.getTime()) || time.getUTCFullYear() < 1971 ? null : time;
}

/** "14:05:09" in the chosen zone. */
export function clock(time) {
  return time ? shifted(time).toISOString().slice(11, 19) : NONE;
}

/** "2026-08-21" in the chosen zone. */
export function day(time) {
  return time ? shifted(time).toISOString().slice(0, 10) : NONE;
}

// The time whose UTC fields are those of the given one in the chosen zone.
function shifted(time) {
  return inUTC ? time : new Date(time.getTime() - time.getTimezoneOffset() * 60_000);
}

/** Time of day for today, date and time for any other day, in the chosen zone. */
export function dateTime(time, now = new Date()) {
  if (!time) return NONE;
  return day(time) === day(now) ? clock(time) : `${day(time)} ${clock(time)}`;
}

/** The same instant in UTC, for titles: "2026-08-21 12:05:09 UTC". */
export function utc(time) {
  return time ? time.toISOString().replace('T', ' ').replace(/\.000Z$|Z$/, ' UTC') : '';
}

/** A stretch of time; the date is written once, and not at all for today. */
export function span(start, end, now = new Date()) {
  if (!start || !end) return NONE;
  const sameDay = day(start) === day(end);
  return `${dateTime(start, now)} – ${sameDay ? clock(end) : dateTime(end, now)}`;
}

/** "2 min 5 s ago", "in 12 s", "now". */
export function relative(time, now = new Date()) {
  if (!time) return NONE;
  const seconds = Math.round((time - now) / 1000);
  if (seconds === 0) return 'now';
  return seconds > 0 ? `in ${duration(seconds)}` : `${duration(-seconds)} ago`;
}

/** The zone of this browser with its offset: "Europe/Berlin (UTC+02:00)"; "UTC" alone where it is that. */
export function zone(now = new Date()) {
  const minutes = -now.getTimezoneOffset();
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (name === 'UTC') return name;
  const sign = minutes < 0 ? '-' : '+';
  const offset = `${sign}${pad(Math.floor(Math.abs(minutes) / 60))}:${pad(Math.abs(minutes) % 60)}`;
  return `${name} (UTC${minutes === 0 ? '' : offset})`;
}

/** The name of the chosen zone. */
export function chosenZone() {
  return inUTC ? 'UTC' : zone();
}

/** The value of a datetime-local field, in the chosen zone. */
export function fieldTime(time) {
  return `${day(time)}T${clock(time)}`;
}

/** The time in a datetime-local field, in the chosen zone; null while it is empty. */
export function timeOfField(value) {
  return parseTime(value && (inUTC ? `${value}Z` : value));
}

/** "throttle_wait" → "Throttle wait". */
export function label(name) {
  const words = String(name).replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function pad(value) {
  return String(value).padStart(2, '0');
}
