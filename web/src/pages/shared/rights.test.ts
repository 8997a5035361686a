import { describe, expect, it } from "vitest";
import { actionOn, allows, RIGHTS } from "./rights";

const reader = [{ actions: ["*/read"] }];
const contributor = [
  { actions: ["*"], notActions: ["Microsoft.Authorization/*/Write", "Microsoft.Authorization/*/Delete"] },
];

describe("allows", () => {
  it("takes a star for any text, slashes included, whatever the case", () => {
    expect(allows(reader, "Microsoft.Compute/virtualMachines/READ")).toBe(true);
    expect(allows(reader, RIGHTS.start)).toBe(false);
    expect(allows([{ actions: ["Microsoft.Compute/*/start/action"] }], RIGHTS.start)).toBe(true);
    expect(allows([{ actions: ["Microsoft.Compute/*/start/*/action"] }], RIGHTS.start)).toBe(false);
    expect(allows([{ actions: ["abc*cba"] }], "abcba")).toBe(false);
  });

  it("lets another role give what one takes away", () => {
    expect(allows(contributor, RIGHTS.assign)).toBe(false);
    expect(allows([...contributor, { actions: ["Microsoft.Authorization/*"] }], RIGHTS.assign)).toBe(true);
  });

  it("asks for an instance's own actions, and for a machine's where it has none", () => {
    const group = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute";
    const instance = `${group}/virtualMachineScaleSets/web/virtualMachines/0`;
    expect(actionOn(`${group}/virtualMachines/web`, "start")).toBe(RIGHTS.start);
    expect(actionOn(instance, "start")).toBe(
      "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/start/action",
    );
    expect(actionOn(instance, "connect")).toBe(RIGHTS.connect);
    expect(actionOn(instance, "diagnostics")).toBe(RIGHTS.diagnostics);
  });

  it("gives nothing without a role", () => {
    expect(allows([], RIGHTS.connect)).toBe(false);
  });
});
