import { expect, test } from "vitest";
import type { SessionEvent } from "./protocol/session";
import { wordsFor } from "./words";

const HERE = { name: "web1", mode: "write", back: false } as const;

function told(what: string, fields: Record<string, unknown> = {}): SessionEvent {
  return { kind: "told", what, fields };
}

test("what is missing is said at its place in the output, with the amount and why", () => {
  expect(wordsFor({ kind: "missing", start: 0, count: 1234, reason: "trimmed" }, HERE)).toEqual({
    text: "1,234 bytes of output are missing here (it fell out of the log before it was read)",
    inline: true,
  });
  const lost = wordsFor({ kind: "missing", start: 0, count: null, reason: "lost" }, HERE);
  expect(lost?.text).toContain("unknown amount");
  expect(lost?.text).toContain("disk was full");
});

test("keys that may not have arrived are counted", () => {
  expect(wordsFor({ kind: "inputDropped", count: 1 }, HERE)?.text).toContain("last 1 typed byte may");
});

test("coming back is told only where being away was", () => {
  const again: SessionEvent = { kind: "attached", mode: "write", resumed: true, fields: {} };
  expect(wordsFor(again, HERE)).toBeNull();
  expect(wordsFor(again, { ...HERE, back: true })?.text).toContain("Connected again");
});

test("a watcher is told who types", () => {
  const first: SessionEvent = {
    kind: "attached",
    mode: "observe",
    resumed: false,
    fields: { writer: "bert" },
  };
  expect(wordsFor(first, { ...HERE, mode: "observe" })?.text).toContain("bert types");
  expect(wordsFor(told("writer", { writer: "anna" }), { ...HERE, mode: "observe" })?.text).toContain(
    "anna has",
  );
  expect(wordsFor(told("writer", { writer: "me" }), HERE)?.text).toContain("You have");
  expect(wordsFor(told("writer", { writer: null }), HERE)?.text).toContain("Nobody");
});

test("the machine's own events are marked between its lines, people are not", () => {
  expect(wordsFor(told("reset"), HERE)?.inline).toBe(true);
  expect(wordsFor(told("power", { power: "stopped" }), HERE)).toEqual({
    text: "The machine is stopped.",
    inline: true,
  });
  expect(wordsFor(told("joined", { who: "anna" }), HERE)).toEqual({
    text: "anna is here too.",
    inline: false,
  });
});

test("a host that is away is a state, any other alarm is a sentence", () => {
  expect(wordsFor(told("alarm", { code: "AgentOffline", host: "h" }), HERE)).toBeNull();
  const words = wordsFor(told("alarm", { code: "WriteNotGranted", fields: { vm: "web1" } }), HERE);
  expect(words?.text).toContain("no right to type");
});
