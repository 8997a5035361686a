/**
 * Lines of a guest's output as a person reads them, and whether one of them is a prompt that waits for a command; with
 * checks.ts and answer.ts the port of wire/broadcast.py.
 */

import type { PortState } from "../portStates";

const ESC = "\x1b";
const BEL = "\x07";
/** The cursor goes somewhere else: what follows is no part of the line before. */
const JUMP = new RegExp(`${ESC}\\[(?:\\d*(?:;\\d*)?[Hf]|[23]J)`, "g");
const SEQUENCE = new RegExp(
  `${ESC}(?:\\[[0-?]*[ -/]*[@-~]|\\][^${BEL}${ESC}]*(?:${BEL}|${ESC}\\\\)|[^[\\]])`,
  "g",
);
const CONTROL = /(?![\n\r\t])\p{Cc}/gu;
/** What the kernel says by itself, at the beginning of a line or behind a prompt. */
const KERNEL = /\[ *\d+\.\d{6}\] [^\r\n]*(?:[\r\n]+|$)/g;

/** Output without what a terminal obeys and without messages of a kernel in between. */
export function cleaned(output: string): string {
  return output.replace(JUMP, "\n").replace(SEQUENCE, "").replace(CONTROL, "").replace(KERNEL, "");
}

/** Lines of cleaned output; empty ones are left out. */
export function linesOf(text: string): string[] {
  return text
    .split(/[\r\n]+/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== "");
}

/** The line that cleaned output has not ended: where a person types. */
export function openLineOf(text: string): string {
  return linesOf(text.slice(text.lastIndexOf("\n") + 1)).at(-1) ?? "";
}

/** Prompts of programs that take a line, by the state of the port; other states have none that is known. */
const PROMPTS: Partial<Readonly<Record<PortState, RegExp>>> = {
  shell: /(?:(?:^|[\w~/\])\s-])[$#]|^\(initramfs\))$/,
  sac: /(?:^SAC|(?:^|\s)[A-Z]:\\[^<>|"?*]*)>$/,
  sacFailed: /^!SAC>$/,
  grub: /^grub(?: rescue)?>$/,
  login: /\blogin:$/,
};

/** Whether a line is a prompt with nothing typed at it; null where nobody knows how one looks. */
export function isPrompt(state: PortState, line: string): boolean | null {
  const pattern = PROMPTS[state];
  return pattern === undefined ? null : pattern.test(line);
}

/** Whether the prompt of a state comes again once a command is done. */
export function comesBack(state: PortState): boolean {
  return state !== "login" && PROMPTS[state] !== undefined;
}
