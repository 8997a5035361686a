import { describe, expect, it } from "vitest";
import { faultOf, isFaulty, MOST_VALUE, rowsOf, tagsOf } from "./tags";

const row = (id: number, name: string, value = ""): { id: number; name: string; value: string } => ({
  id,
  name,
  value,
});

describe("tags", () => {
  it("become rows and come back as they were", () => {
    const tags = { site: "Ghent north", env: "prod", lone: "" };
    expect(rowsOf(tags).map((each) => each.name)).toEqual(["env", "lone", "site"]);
    expect(tagsOf(rowsOf(tags))).toEqual(tags);
    expect(rowsOf()).toEqual([]);
  });

  it("count when they have a name, without the blanks around it", () => {
    expect(tagsOf([row(0, " env ", " prod "), row(1, " ")])).toEqual({ env: "prod" });
  });

  it.each([
    ["nameless", row(1, "", "x")],
    ["twice", row(1, "ENV")],
    ["characters", row(1, "a/b")],
    ["long", row(1, "a", "x".repeat(MOST_VALUE + 1))],
    [undefined, row(1, "")],
    [undefined, row(1, "other", "x, 'y'")],
  ])("finds %s in %o", (fault, each) => {
    const rows = [row(0, "env", "prod"), each];
    expect(faultOf(each, rows)).toBe(fault);
    expect(isFaulty(rows)).toBe(fault !== undefined);
  });
});
