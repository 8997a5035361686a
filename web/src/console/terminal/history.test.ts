/** What firmware does to a terminal must not cost what was printed before. */

import { expect, test, vi } from "vitest";
import { Screen } from "./screen";

async function shown(printed: string, wrap = true): Promise<string> {
  const screen = new Screen("", 14, {
    typed: () => {},
    shortcut: () => {},
    pasted: () => {},
    resized: () => {},
  });
  screen.wrap = wrap;
  for (const byte of new TextEncoder().encode(printed)) screen.write(Uint8Array.of(byte), "bystander");
  await vi.waitFor(() => expect(screen.waiting).toBe(0));
  const { text } = screen;
  screen.dispose();
  return text;
}

test("long lines go on in the next one, unless the person wants them cut", async () => {
  const line = `\x1b[?7l${"x".repeat(80)}end\r\n`;
  expect(await shown(line)).toBe(`${"x".repeat(80)}\nend`);
  expect(await shown(line, false)).toBe(`${"x".repeat(79)}d`);
});

test.each([
  ["a full reset", "\x1bc"],
  ["two of them", "\x1bc\x1bc"],
  ["an erased screen", "\x1b[H\x1b[2J"],
])("%s keeps the lines before it", async (_, wiping) => {
  const text = await shown(`Kernel panic\r\nsecond line${wiping}SeaBIOS`);
  expect(text.split("\n").filter(Boolean)).toEqual(["Kernel panic", "second line", "SeaBIOS"]);
});

test("a full reset ends colours and modes", async () => {
  expect(await shown("\x1b(0lqk\x1bclqk")).toMatch(/┌─┐\s+lqk$/);
});
