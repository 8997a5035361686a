import { expect, it } from "vitest";
import { nickname } from "./groups";

it("makes a nickname of any name", () => {
  expect(nickname("Night shift (EU)")).toBe("Night-shift-EU");
  expect(nickname("夜勤")).toBe("group");
  expect(nickname("x".repeat(80))).toHaveLength(64);
});
