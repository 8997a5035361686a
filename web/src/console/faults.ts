/**
 * What a CLOSE or an alarm on the console's socket means. Refusals of the API bring their words along; here there is a
 * code with fields, and the words are the catalogue's (faults.json is made of it, tests/support/portal_faults.py).
 */

import { ApiError } from "../api/errors";
import { clockTime } from "../text";
import { type Locale, locale } from "../text/language";
import entries from "./faults.json";
import type { Fields } from "./protocol/frames";

interface Entry {
  title: string;
  message: string;
  cause?: string;
  remedy?: string[];
  retry?: boolean;
  action?: string;
}

type Words = Pick<Entry, "title" | "message" | "cause" | "remedy">;

const table: Readonly<Record<string, Entry>> = entries.en;
/** Where a language has no words for a code, it is told in English. */
const words: Readonly<Record<Locale, Readonly<Record<string, Words>>>> = {
  en: {},
  fr: entries.fr,
  nl: entries.nl,
};

export function isKnown(code: string): boolean {
  return code in table;
}

/** `blank` stands for what is not among the fields. */
export function faultOf(code: string, fields: Fields = {}, blank = "?"): ApiError {
  const known = table[code] === undefined ? "InternalError" : code;
  const entry: Entry = { ...(table[known] ?? entries.en.InternalError), ...words[locale()][known] };
  const fill = (template: string): string =>
    template.replace(/\{\{|\}\}|\{(\w+)\}/g, (found, name?: string) =>
      name === undefined ? found.slice(1) : readable(fields[name] ?? blank),
    );
  return new ApiError({
    status: 0,
    code,
    title: fill(entry.title),
    message: fill(entry.message),
    fields,
    ...optional(entry, fill),
  });
}

/** The fault of an alarm: the agent nests its fields, the gateway does not. */
export function alarmOf(told: Fields): ApiError {
  const { code, fields: nested, ...flat } = told;
  return faultOf(String(code), { ...flat, ...(nested as Fields | undefined) });
}

/** A value as a person reads it: times, which the API has in UTC, as the clock on the wall. */
function readable(value: unknown): string {
  return String(value).replace(/\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)/g, clockTime);
}

function optional(entry: Entry, fill: (template: string) => string) {
  return {
    ...(entry.cause && { cause: fill(entry.cause) }),
    ...(entry.remedy && { remedy: entry.remedy.map(fill) }),
    ...(entry.retry && { retryable: true }),
    ...(entry.action && { action: entry.action }),
  };
}
