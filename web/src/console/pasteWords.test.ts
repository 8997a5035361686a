import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { LOCALES } from "../text/language";
import { chooseLanguage } from "../text/speak";
import { endWords, progressWords, reasonOf } from "./pasteWords";
import { type Progress, progressOf } from "./protocol/pasting";

const file = resolve(import.meta.dirname, "../../../tests/support/issue_vectors.json");
const { pasteReasons }: { pasteReasons: string[] } = JSON.parse(readFileSync(file, "utf8"));

function paste(more: Partial<Progress>): Progress {
  const read = progressOf({ id: "1", size: 200, typed: 50, ...more });
  if (read === null) throw new Error("no progress");
  return read;
}

afterAll(() => chooseLanguage("en"));

test("every reason of the agent's has words of its own in every language", async () => {
  for (const locale of LOCALES) {
    await chooseLanguage(locale);
    const words = pasteReasons.map(reasonOf);
    expect(words).not.toContain(null);
    expect(new Set(words).size).toBe(pasteReasons.length);
  }
});

test("a paste that ended says why, and that nothing more was typed", async () => {
  await chooseLanguage("en");
  expect(endWords(paste({ state: "ended", why: "guestReset" }))).toBe(
    "The paste ended after 50 of 200 bytes: the guest was started anew, and what was meant for a shell is not for a boot loader or a login.",
  );
  expect(endWords(paste({ state: "ended", why: "aNewerReason" }))).toBe(
    "The paste was stopped after 50 bytes.",
  );
});

test("a paste that waits says for what, unless it was asked to", async () => {
  await chooseLanguage("en");
  expect(progressWords(paste({ state: "paused", why: "asked" }))).toBe("Paste paused at 25 %");
  expect(progressWords(paste({ state: "paused", why: "quiet" }))).toBe(
    "Paste paused at 25 %: the guest does not echo any more",
  );
  expect(progressWords(paste({ state: "typing", echo: false }))).toBe("Pasting without echo: 25 %");
});

test("the end has a verdict", async () => {
  await chooseLanguage("en");
  expect(endWords(paste({ state: "done", verdict: "echoed" }))).toContain("all of it was echoed");
  expect(endWords(paste({ state: "done", verdict: "differs", at: 7 }))).toContain("from byte 7");
  expect(endWords(paste({ state: "done", verdict: "notEchoed" }))).toContain("echoed nothing");
});
