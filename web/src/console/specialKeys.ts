/** Keys that a phone lacks, or that a browser or an operating system keeps for itself; as xterm sends them. */

import { type Key, sequenceOf } from "./keys/convert";

export interface SpecialKey {
  readonly label: string;
  readonly sends: (application: boolean) => string;
}

function typed(label: string, text: string): SpecialKey {
  return { label, sends: () => text };
}

function named(key: Key, label: string = key): SpecialKey {
  return { label, sends: (application) => sequenceOf(key, application) };
}

const CURSOR: readonly SpecialKey[] = [
  named("Up", "↑"),
  named("Down", "↓"),
  named("Right", "→"),
  named("Left", "←"),
  named("Home"),
  named("End"),
  named("PageUp", "Page Up"),
  named("PageDown", "Page Down"),
  named("Insert"),
  named("Delete"),
];

/** What a phone's keyboard lacks, beside Ctrl, Alt and the function keys. */
export const BAR_KEYS: readonly SpecialKey[] = [typed("Esc", "\x1b"), typed("Tab", "\t"), ...CURSOR];

export const KEYS: readonly SpecialKey[] = [
  typed("Esc", "\x1b"),
  typed("Tab", "\t"),
  typed("Ctrl+C", "\x03"),
  typed("Ctrl+D", "\x04"),
  typed("Ctrl+Z", "\x1a"),
  typed("Ctrl+\\", "\x1c"),
  typed("Ctrl+]", "\x1d"),
  ...CURSOR,
];

/** F1 to F12. */
export const FUNCTION_KEYS: readonly SpecialKey[] = (
  ["F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10", "F11", "F12"] as const
).map((key) => named(key));
