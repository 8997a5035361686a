/** The lines of the activity log as files. */

import type { Deed } from "./deeds";
import { PROPERTIES, propertiesOf } from "./told";

const FIELDS = [
  "began",
  "ended",
  "caller",
  "address",
  "action",
  "resource",
  "status",
  "code",
  "correlation",
] as const;

/** Comma-separated, one line a deed, with a head line. */
export function toCsv(deeds: readonly Deed[]): string {
  const lines = [
    [...FIELDS, ...PROPERTIES].join(","),
    ...deeds.map((deed) => {
      const properties = propertiesOf(deed);
      const told = PROPERTIES.map((name) => String(properties[name] ?? ""));
      return [...FIELDS.map((field) => deed[field]), ...told].map(cell).join(",");
    }),
  ];
  return `${lines.join("\r\n")}\r\n`;
}

/** The events as Resource Manager gave them. */
export function toJson(deeds: readonly Deed[]): string {
  return `${JSON.stringify(
    deeds.flatMap((deed) => deed.steps),
    null,
    2,
  )}\n`;
}

/** A name can be chosen by anybody, and spreadsheets run a cell that begins like a formula: it gets a quote first. */
function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) || safe !== text ? `"${safe.replaceAll('"', '""')}"` : safe;
}
