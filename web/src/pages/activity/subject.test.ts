import { describe, expect, it } from "vitest";
import { subjectOf } from "./subject";

const SUBSCRIPTION = "/subscriptions/s";
const VM = `${SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/web1`;

describe("subjectOf", () => {
  it.each([
    [VM, "web1", "/vms/s/g/web1"],
    [`${VM}/providers/Microsoft.SerialConsole/serialPorts/0`, "web1", "/vms/s/g/web1"],
    [`${VM}/providers/Microsoft.Authorization/roleAssignments/guid`, "web1", "/vms/s/g/web1"],
    [
      `${SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.HybridCompute/machines/alpha`,
      "alpha",
      "/machines/s/g/alpha",
    ],
    [`${SUBSCRIPTION}/providers/Microsoft.SerialConsole/consoleServices/default`, "s", "/subscription?id=s"],
    [
      `${SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Authorization/roleAssignments/guid`,
      "g",
      undefined,
    ],
    [`${SUBSCRIPTION}/resourceGroups/g`, "g", undefined],
    ["/providers/Microsoft.Authorization/roleAssignments/guid", "/", undefined],
  ])("says of %s that it is about %s", (resource, name, href) => {
    expect(subjectOf(resource)).toEqual(href === undefined ? { name } : { name, href });
  });
});
