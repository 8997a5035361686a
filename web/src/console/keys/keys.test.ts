/** The port against what wire/keys.py made of the same bytes (tests/support/portal_keys.py). */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { converted, type Layout } from "./convert";
import { modified } from "./modify";
import { Shown } from "./shown";

interface Vectors {
  typed: { layout: Layout; typed: string; sent: string; dropped: number }[];
  printed: { chunks: string[]; state: string | null; layout: Layout }[];
}

const file = resolve(import.meta.dirname, "../../../../tests/support/key_vectors.json");
const vectors: Vectors = JSON.parse(readFileSync(file, "utf8"));

test("every key is at the guest what wire/keys makes of it", () => {
  for (const { layout, typed, sent, dropped } of vectors.typed) {
    const got = converted(Buffer.from(typed, "hex").toString("utf8"), layout);
    expect([typed, layout, Buffer.from(got.text, "utf8").toString("hex"), got.dropped]).toEqual([
      typed,
      layout,
      sent,
      dropped,
    ]);
  }
});

test("a port is known by what it prints, or by what its host says", () => {
  for (const { chunks, state, layout } of vectors.printed) {
    const shown = new Shown();
    shown.state = state;
    for (const chunk of chunks) shown.feed(Buffer.from(chunk, "hex"));
    expect([chunks, state, shown.layout]).toEqual([chunks, state, layout]);
  }
});

const CTRL = { ctrl: true, alt: false };
const ALT = { ctrl: false, alt: true };

test.each([
  ["c", CTRL, "\x03"],
  [" ", CTRL, "\0"],
  ["1", CTRL, "1"],
  ["b", ALT, "\x1bb"],
  ["\x1b[C", CTRL, "\x1b[1;5C"],
  ["\x1bOA", ALT, "\x1b[1;3A"],
  ["\x1b[3~", CTRL, "\x1b[3;5~"],
  ["\x1b[24;80R", CTRL, null],
  ["two", ALT, null],
])("%j with a key held beside it", (typed, held, sent) => {
  expect(modified(typed, held)).toBe(sent);
});

test.each([
  ["demo@demo:~$ ", true],
  ["\r\n\x1b[?2004h\x1b[01;32mroot@demo\x1b[0m:/# ", true],
  ["bash-5.2# ", true],
  ["demo@demo:~$ ls", false],
  ["demo login: ", false],
  ["grub> ", false],
  ["\r\nSAC>", false],
  ["price: 5$\r\n", false],
])("%j is a shell: %s", (printed, shell) => {
  const shown = new Shown();
  shown.feed(new TextEncoder().encode(printed));
  expect(shown.atShell).toBe(shell);
});

test("a login is told once, at the shell that follows it", () => {
  const shown = new Shown();
  const sees = (text: string): boolean => {
    shown.feed(new TextEncoder().encode(text));
    return shown.takeLogin();
  };
  expect(["demo@demo:~$ ", "logout\r\ndemo login: ", "demo\r\nPassword: "].map(sees)).toEqual([
    false,
    false,
    false,
  ]);
  expect(["\r\ndemo@demo:~$ ", "ls\r\n", "demo@demo:~$ "].map(sees)).toEqual([true, false, false]);
});
