import { expect, it } from "vitest";
import { lastOf } from "./ExplainPage";

it("sends what fits", () => {
  expect(lastOf("AgentOffline")).toBe("AgentOffline");
});

it("sends the end of what does not, in whole lines", () => {
  const lines = Array.from({ length: 30_000 }, (_, number) => `line ${number} \u00e9`).join("\n");
  const sent = lastOf(lines);
  expect(new TextEncoder().encode(sent).length).toBeLessThan(250_000);
  expect(lines.endsWith(`\n${sent}`)).toBe(true);
  expect(sent.startsWith("line ")).toBe(true);
});
