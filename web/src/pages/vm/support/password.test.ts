import { describe, expect, it } from "vitest";
import { bodyOf, type Extension, faultOf, nameOf, type Wanted } from "./password";

const wanted: Wanted = { mode: "password", user: "bob", password: "kelp-otter", again: "kelp-otter" };
const only: Wanted = { mode: "configuration", user: "", password: "", again: "" };

const extension = (name: string, publisher: string, type: string): Extension => ({
  id: name,
  name,
  type: "",
  properties: { publisher, type },
});

describe("faultOf", () => {
  it.each([
    [wanted, false, undefined],
    [{ ...wanted, user: "" }, false, "user"],
    [{ ...wanted, user: "Bob Smith" }, false, "userForm"],
    [{ ...wanted, user: "Bob Smith" }, true, undefined],
    [{ ...wanted, password: "", again: "" }, false, "password"],
    [{ ...wanted, password: "a\nb", again: "a\nb" }, false, "passwordForm"],
    [{ ...wanted, again: "other" }, false, "again"],
    [only, false, undefined],
  ] as const)("of %o, Windows %s: %s", (given, windows, fault) => {
    expect(faultOf(given, windows)).toBe(fault);
  });
});

describe("the extension", () => {
  it("is the one that is there already, whatever its name", () => {
    const mine = extension("myVMAccessExtension", "microsoft.compute", "vmaccessagent");
    const other = extension("script", "Microsoft.Azure.Extensions", "CustomScript");
    expect(nameOf([other, mine], true)).toBe("myVMAccessExtension");
    expect(nameOf([other, mine], false)).toBe("enablevmaccess");
    expect(nameOf([], true)).toBe("enablevmaccess");
  });

  it("is written as Azure's clients write it, the password among what is protected", () => {
    const properties = (given: Wanted, windows: boolean): object =>
      (bodyOf(given, windows, "local", "t") as { properties: object }).properties;
    expect(properties(wanted, false)).toEqual({
      publisher: "Microsoft.OSTCExtensions",
      type: "VMAccessForLinux",
      typeHandlerVersion: "1.5",
      autoUpgradeMinorVersion: true,
      forceUpdateTag: "t",
      settings: {},
      protectedSettings: { username: "bob", password: "kelp-otter" },
    });
    expect(properties(wanted, true)).toMatchObject({
      type: "VMAccessAgent",
      settings: { UserName: "bob" },
      protectedSettings: { Password: "kelp-otter" },
    });
    expect(properties(only, false)).toMatchObject({ settings: {}, protectedSettings: { reset_ssh: true } });
    expect(properties(only, true)).toMatchObject({ settings: {}, protectedSettings: {} });
    expect(JSON.stringify((properties(wanted, true) as { settings: object }).settings)).not.toContain("kelp");
  });
});
