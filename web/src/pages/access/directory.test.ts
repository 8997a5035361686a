import { describe, expect, it } from "vitest";
import { matches, toPerson } from "./directory";

const ann = toPerson({ id: "1", displayName: "Ann Lee", userPrincipalName: "ann@outofband.local" });

describe("people of the directory", () => {
  it("tells people from programs, and finds a name for either", () => {
    expect(ann).toEqual({ id: "1", name: "Ann Lee", account: "ann@outofband.local", kind: "User" });
    expect(toPerson({ id: "2", displayName: "backup", appId: "a" }).kind).toBe("ServicePrincipal");
    expect(toPerson({ id: "3", displayName: "" }).name).toBe("3");
  });

  it("matches every typed word, in the name or the account", () => {
    expect(matches(ann, "lee ANN")).toBe(true);
    expect(matches(ann, "outofband")).toBe(true);
    expect(matches(ann, "ann bob")).toBe(false);
    expect(matches(ann, "  ")).toBe(true);
  });
});
