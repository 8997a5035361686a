/**
 * Times, numbers and lists as a person reads them: in the browser's zone, in the language that is spoken. What the API
 * sends is ISO 8601 in UTC.
 */

import { habits } from "./language";

/** A formatter for each way of writing, made when it is first needed: making one costs more than using it. */
function kept<T>(make: (locale: string) => T): () => T {
  const made = new Map<string, T>();
  return () => {
    const locale = habits();
    const found = made.get(locale) ?? make(locale);
    made.set(locale, found);
    return found;
  };
}

const full_ = kept((locale) => new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" }));
const clock_ = kept((locale) => new Intl.DateTimeFormat(locale, { timeStyle: "medium" }));
const day_ = kept((locale) => new Intl.DateTimeFormat(locale, { dateStyle: "medium" }));
const relative_ = kept((locale) => new Intl.RelativeTimeFormat(locale, { numeric: "auto" }));
const number_ = kept((locale) => new Intl.NumberFormat(locale));
const list_ = kept((locale) => new Intl.ListFormat(locale, { type: "unit" }));
const conjunction_ = kept((locale) => new Intl.ListFormat(locale, { type: "conjunction" }));

const STEPS: readonly (readonly [seconds: number, unit: Intl.RelativeTimeFormatUnit])[] = [
  [86_400 * 365, "year"],
  [86_400 * 30, "month"],
  [86_400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
];

/** Date and time to the second; text that is no time comes back as it was. */
export function full(iso: string | Date): string {
  return format(full_(), iso);
}

export function clockTime(iso: string | Date): string {
  return format(clock_(), iso);
}

export function day(iso: string | Date): string {
  return format(day_(), iso);
}

/** For a tooltip: the same moment in UTC, as logs and the API have it. */
export function utc(iso: string | Date): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime())
    ? String(iso)
    : `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** "3 minutes ago", counted from `now`. */
export function ago(iso: string | Date, now: Date = new Date()): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return String(iso);
  const seconds = Math.round((date.getTime() - now.getTime()) / 1000);
  for (const [size, unit] of STEPS) {
    if (Math.abs(seconds) >= size) return relative_().format(Math.trunc(seconds / size), unit);
  }
  return relative_().format(0, "second");
}

const ISO = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;

/** A sentence of the server's, its times as the reader's own. */
export function localTimes(sentence: string): string {
  return sentence.replace(ISO, full);
}

export function number(value: number): string {
  return number_().format(value);
}

/** "web1, web2, web3"; with what stands for the rest, "2 more" for instance, "web1, web2 and 2 more". */
export function list(names: readonly string[], rest?: string): string {
  return rest === undefined ? list_().format(names) : conjunction_().format([...names, rest]);
}

function format(how: Intl.DateTimeFormat, iso: string | Date): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? String(iso) : how.format(date);
}
