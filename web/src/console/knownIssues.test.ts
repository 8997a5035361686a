/** The port against what wire/known_issues.py made of the same talks (tests/support/portal_issues.py). */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { isKnown } from "./faults";
import { BY_STATE, KnownIssues } from "./knownIssues";

interface Step {
  what: "shows" | "printed" | "typed";
  given: string;
  at: number;
  code: string | null;
}

const file = resolve(import.meta.dirname, "../../../tests/support/issue_vectors.json");
const vectors: { byState: Record<string, string>; talks: Step[][] } = JSON.parse(readFileSync(file, "utf8"));

test("what a state alone says is the same as in the terminal, and has words", () => {
  expect(BY_STATE).toEqual(vectors.byState);
  for (const code of Object.values(BY_STATE)) expect(isKnown(code)).toBe(true);
});

test.each(vectors.talks.map((talk, number) => [number, talk] as const))(
  "talk %i is explained as the terminal explains it",
  (_, talk) => {
    const issues = new KnownIssues();
    for (const { what, given, at, code } of talk) {
      let got: string | null = null;
      if (what === "shows") got = issues.shows(given);
      else if (what === "printed") issues.printed(Buffer.from(given, "hex"));
      else got = issues.typed(Buffer.from(given, "hex"), at);
      expect([what, given, at, got]).toEqual([what, given, at, code]);
      if (got !== null) expect(isKnown(got)).toBe(true);
    }
  },
);

test("keys that SAC's prompt lacks are explained once", () => {
  const issues = new KnownIssues();
  expect([issues.keysLacking(), issues.keysLacking()]).toEqual(["SacKeysLimited", null]);
});
