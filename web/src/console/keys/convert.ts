/** What a key has to be at the guest; the port of wire/keys.py, with its tables (tests/support/portal_keys.py). */

import tables from "./keys.json";

/** What a port reads: xterm's sequences, Microsoft's VT-UTF8, or SAC's own prompt, which knows no such key. */
export type Layout = "vt" | "vtUtf8" | "sacLine";
export type Key = keyof typeof tables.vt;

const APPLICATION: Readonly<Record<string, string>> = tables.application;
const FORMS = tables.otherForms as Readonly<Record<string, Key>>;
const IN_APPLICATION: ReadonlySet<string> = new Set(Object.values(APPLICATION));
const KEYS: ReadonlyMap<string, Key> = new Map([
  ...(Object.entries(tables.vt) as [Key, string][]).map(([key, sequence]) => [sequence, key] as const),
  ...Object.entries(FORMS),
]);
const ESC = "\x1b";
const SEQUENCE = new RegExp(`${ESC}(?:\\[\\[[A-E]|\\[[0-?]*[ -/]*[@-Z\\\\-~]|O[@-~])|${ESC}|\x7f`, "g");
const MODIFIED = new RegExp(`^${ESC}\\[(?:1;[2-9](?=[A-DFHPQS]$)|(\\d\\d?);[2-9](?=~$))`);

export interface Converted {
  readonly text: string;
  /** Keys that the port has none such of, and that were left out. */
  readonly dropped: number;
}

/** Typed text, in whole keys as xterm.js gives it, as the port reads it. */
export function converted(typed: string, layout: Layout): Converted {
  let dropped = 0;
  const text = typed.replace(SEQUENCE, (sequence) => {
    if (sequence === "\x1b") return sequence;
    if (sequence === "\x7f") return tables.backspace[layout];
    if (layout === "vt") {
      const key = IN_APPLICATION.has(sequence) ? undefined : KEYS.get(sequence);
      return key ? tables.vt[key] : sequence;
    }
    const key = KEYS.get(plain(sequence));
    if (key === undefined) return sequence;
    if (layout === "vtUtf8") return tables.vtUtf8[key];
    dropped += 1;
    return "";
  });
  return { text, dropped };
}

/** What xterm would send for a key. */
export function sequenceOf(key: Key, application: boolean): string {
  return (application ? APPLICATION[key] : undefined) ?? tables.vt[key];
}

/** Without Shift, Alt and Ctrl, which VT-UTF8's function keys do not carry. */
function plain(sequence: string): string {
  const found = MODIFIED.exec(sequence);
  if (found === null) return sequence;
  const final = sequence.slice(-1);
  if (found[1] !== undefined) return `\x1b[${found[1]}${final}`;
  return `${"PQS".includes(final) ? "\x1bO" : "\x1b["}${final}`;
}
