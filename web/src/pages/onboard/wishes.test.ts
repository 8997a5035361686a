import { describe, expect, it } from "vitest";
import { bodyOf, faultsOf, isComplete, isProxy, NOTHING, type Wishes } from "./wishes";

const GROUP = "/subscriptions/s/resourceGroups/g";
const PROGRAM = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
const whole: Wishes = { ...NOTHING, group: GROUP };

describe("what a script is wished to do", () => {
  it("is complete with a group, and an application where one signs in", () => {
    expect(isComplete(NOTHING)).toBe(false);
    expect(isComplete(whole)).toBe(true);
    expect(isComplete({ ...whole, signIn: "program" })).toBe(false);
    expect(isComplete({ ...whole, signIn: "program", program: ` ${PROGRAM} ` })).toBe(true);
  });

  it.each([
    ["program", { signIn: "program", program: "my-app" }],
    ["proxy", { proxy: "proxy:3128" }],
    ["tags", { tags: [{ id: 0, name: "", value: "x" }] }],
  ] as const)("has a fault in %s for %o", (fault, part) => {
    expect([...faultsOf({ ...whole, ...part })]).toEqual([fault]);
    expect(isComplete({ ...whole, ...part })).toBe(false);
  });

  it("does not mind what an application is called while a person signs in", () => {
    expect(faultsOf({ ...whole, program: "my-app" }).size).toBe(0);
  });

  it("takes proxies without a password only", () => {
    expect(isProxy("")).toBe(true);
    expect(isProxy("http://proxy.example:3128")).toBe(true);
    expect(isProxy("HTTPS://proxy.example")).toBe(true);
    expect(isProxy("http://anna:secret@proxy.example:3128")).toBe(false);
    expect(isProxy("http://anna@proxy.example:3128")).toBe(false);
    expect(isProxy("http://")).toBe(false);
    expect(isProxy("socks5://proxy.example")).toBe(false);
  });

  it("becomes the body of the call, trimmed, and without an application that does not sign in", () => {
    const wishes: Wishes = {
      ...whole,
      location: "ghent",
      tags: [{ id: 0, name: "rack", value: "A 7" }],
      program: PROGRAM,
      proxy: " http://proxy:3128 ",
      system: "windows",
    };
    const place = { subscription: "s", group: "g" };
    expect(bodyOf(wishes, place)).toEqual({
      subscription: "s",
      resourceGroup: "g",
      location: "ghent",
      many: false,
      servicePrincipalId: "",
      tags: { rack: "A 7" },
      proxy: "http://proxy:3128",
      system: "windows",
    });
    expect(bodyOf({ ...wishes, signIn: "program" }, place)).toMatchObject({
      many: true,
      servicePrincipalId: PROGRAM,
    });
  });
});
