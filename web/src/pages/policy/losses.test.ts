import { describe, expect, it } from "vitest";
import { lossesOf } from "./losses";

const names = (count: number): { id: string; userPrincipalName: string; displayName: string }[] =>
  Array.from({ length: count }, (_, index) => ({
    id: String(index),
    userPrincipalName: `u${index}@x`,
    displayName: "",
  }));

describe("before a second factor is required", () => {
  it("it is said who has none, by name, and that one has none oneself", () => {
    const said = lossesOf({ people: 9, without: 7, sessions: 3, value: names(7) }, 0);
    expect(said[0]).toContain("7 of 9");
    expect(said[1]).toContain("u0@x, u1@x, u2@x, u3@x, u4@x, and 2 more");
    expect(said[2]).toContain("3 sign-ins");
    expect(said.at(-1)).toContain("You have none");
  });

  it("few are all named, and nobody is no warning", () => {
    expect(lossesOf({ people: 2, without: 1, sessions: 1, value: names(1) }, 1)[1]).toContain("u0@x.");
    const calm = lossesOf({ people: 2, without: 0, sessions: 0, value: [] }, 1).join(" ");
    expect(calm).not.toContain("@");
    expect(calm).not.toContain("You have none");
  });

  it("what is not known is not passed over", () => {
    expect(lossesOf(undefined, undefined)[0]).toContain("not known");
  });
});
