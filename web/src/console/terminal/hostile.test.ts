/** Decision 0013 at the terminal itself: what a guest prints makes it type nothing, unless a live writer asked for it. */

import { Terminal } from "@xterm/xterm";
import { expect, test, vi } from "vitest";
import type { Reader } from "../protocol/hygiene";
import { Screen } from "./screen";

const ESC = "\x1b";
/** Questions that xterm.js answers by typing. */
const QUESTIONS: Readonly<Record<string, string>> = {
  DA1: `${ESC}[c`,
  DA2: `${ESC}[>c`,
  "DSR status": `${ESC}[5n`,
  CPR: `${ESC}[6n`,
  DECXCPR: `${ESC}[?6n`,
  DECRQM: `${ESC}[?25$p`,
  "ANSI mode": `${ESC}[4$p`,
};
/** What is answered, or obeyed, for nobody. */
const NEVER: Readonly<Record<string, string>> = {
  DECRQSS: `${ESC}P$qm${ESC}\\`,
  XTGETTCAP: `${ESC}P+q544e${ESC}\\`,
  XTVERSION: `${ESC}[>q`,
  "foreground colour": `${ESC}]10;?\x07`,
  "background colour": `${ESC}]11;?\x07`,
  "palette colour": `${ESC}]4;1;?\x07`,
  "clipboard read": `${ESC}]52;c;?\x07`,
  "clipboard write": `${ESC}]52;c;ZXZpbA==\x07`,
  answerback: "\x05",
  "window size": `${ESC}[14t`,
  "text size": `${ESC}[18t`,
  "title report": `${ESC}[21t`,
  title: `${ESC}]0;owned\x07`,
  link: `${ESC}]8;;javascript:alert(1)\x07click${ESC}]8;;\x07`,
  checksum: `${ESC}[1;1;1;1;1;1*y`,
  "keyboard protocol": `${ESC}[?u`,
};

function screenOf(): { screen: Screen; typed: string[] } {
  const typed: string[] = [];
  const screen = new Screen("", 14, {
    typed: (bytes) => typed.push(new TextDecoder().decode(bytes)),
    shortcut: () => {},
    pasted: () => {},
    resized: () => {},
  });
  return { screen, typed };
}

async function answersTo(printed: string, reader: Reader): Promise<string[]> {
  const { screen, typed } = screenOf();
  screen.write(new TextEncoder().encode(`a${printed}b`), reader);
  await drawn(screen);
  screen.dispose();
  return typed;
}

/** Everything written before is parsed once a later write is. */
async function drawn(screen: Screen): Promise<void> {
  await vi.waitFor(() => expect(screen.waiting).toBe(0));
}

test.each(Object.entries(QUESTIONS))(
  "%s is answered to a guest for its live writer, for nobody else",
  async (_, question) => {
    const answers = await answersTo(question, "live-writer");
    expect(answers.join("").startsWith(ESC)).toBe(true);
    expect(await answersTo(question, "bystander")).toEqual([]);
  },
);

test.each(Object.entries(NEVER))("%s is never answered", async (_, printed) => {
  expect(await answersTo(printed, "live-writer")).toEqual([]);
  expect(await answersTo(printed, "bystander")).toEqual([]);
});

test("the bare terminal would have answered: the tests above can fail", async () => {
  const terminal = new Terminal({ allowProposedApi: true });
  const typed: string[] = [];
  terminal.onData((data) => typed.push(data));
  const titles: string[] = [];
  terminal.onTitleChange((title) => titles.push(title));
  await new Promise<void>((done) => terminal.write(`${ESC}P$qm${ESC}\\${ESC}[>q${ESC}]0;owned\x07`, done));
  expect(typed.length).toBeGreaterThan(0);
  expect(titles).toEqual(["owned"]);
  terminal.dispose();
});

test("a question cut in two is judged by who looks when it ends", async () => {
  const { screen, typed } = screenOf();
  screen.write(new TextEncoder().encode(`${ESC}[`), "live-writer");
  screen.write(new TextEncoder().encode("6n"), "bystander");
  await drawn(screen);
  expect(typed).toEqual([]);
  screen.dispose();
});

test("our own words cannot be made to carry sequences", async () => {
  const { screen, typed } = screenOf();
  screen.say("oob", `taken over by ${ESC}[6n\x05mallory`);
  await drawn(screen);
  expect(typed).toEqual([]);
  expect(screen.text).toContain("taken over by [6nmallory");
  screen.dispose();
});
