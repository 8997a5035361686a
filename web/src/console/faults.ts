/**
 * What a CLOSE or an alarm on the console's socket means. Refusals of the API bring their words along; here there is a
 * code with fields, and the words are the catalogue's (faults.json is made of it, tests/support/portal_faults.py).
 */

import { ApiError } from "../api/errors";
import { clockTime } from "../text";
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

const table: Readonly<Record<string, Entry>> = entries;

export function isKnown(code: string): boolean {
  return code in table;
}

/** `blank` stands for what is not among the fields. */
export function faultOf(code: string, fields: Fields = {}, blank = "?"): ApiError {
  const entry = table[code] ?? entries.InternalError;
  const fill = (template: string): string =>
    template.replace(/\{(\w+)\}/g, (_, name: string) => readable(fields[name] ?? blank));
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
