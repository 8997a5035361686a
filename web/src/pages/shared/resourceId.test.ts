import { describe, expect, it } from "vitest";
import {
  isMachine,
  machineId,
  machinePath,
  ownerPath,
  placeIn,
  placeOf,
  portOf,
  setId,
  setOf,
  vmId,
  vmPath,
} from "./resourceId";

describe("resource ids", () => {
  it("finds the parts whatever the case", () => {
    expect(
      placeOf("/Subscriptions/s/RESOURCEGROUPS/g/providers/Microsoft.Compute/virtualMachines/n"),
    ).toEqual({
      subscription: "s",
      group: "g",
      name: "n",
    });
    expect(placeOf("/subscriptions/s")).toEqual({ subscription: "s", group: "", name: "s" });
    expect(placeOf("/")).toEqual({ subscription: "", group: "", name: "" });
  });

  it("is not misled by a group that is called like a word of the path", () => {
    expect(placeOf("/subscriptions/resourceGroups/resourceGroups/subscriptions")).toMatchObject({
      subscription: "resourceGroups",
      group: "subscriptions",
    });
  });

  it("leads to the page of a VM", () => {
    const place = { subscription: "s", group: "g (1)", name: "n" };
    expect(vmPath(place, "activity")).toBe("/vms/s/g%20(1)/n/activity");
    expect(placeOf(vmId(place))).toEqual(place);
    expect(placeIn({ sub: "s", group: "g (1)", name: "n" })).toEqual(place);
  });

  it("leads to the page of an instance, below its scale set's", () => {
    const set = { subscription: "s", group: "g", name: "web" };
    const place = placeIn({ sub: "s", group: "g", name: "web", number: "3" });
    expect(place.name).toBe("web_3");
    expect(vmPath(place, "console")).toBe("/scale-sets/s/g/web/3/console");
    expect(vmId(place)).toBe(`${setId(set)}/virtualMachines/3`);
    expect(placeOf(vmId(place))).toEqual(place);
    expect(setOf(place)).toEqual(set);
    expect(placeOf(setId(set))).toEqual(set);
    expect(setOf(set)).toBeUndefined();
    // What hangs on an instance is not the instance.
    expect(placeOf(portOf(vmId(place)))).toEqual({ subscription: "s", group: "g", name: "0" });
  });

  it("tells connected machines from VMs, and leads to the pages of either", () => {
    const place = placeIn({ sub: "s", group: "g", name: "alpha" });
    const id = machineId(place);
    expect(placeOf(id)).toEqual(place);
    expect(isMachine(id.toUpperCase())).toBe(true);
    expect(isMachine(portOf(id))).toBe(true);
    expect(isMachine(vmId(place))).toBe(false);
    expect(machinePath(place)).toBe("/machines/s/g/alpha");
    expect(ownerPath(id, "console")).toBe("/machines/s/g/alpha/console");
    expect(ownerPath(vmId(place))).toBe("/vms/s/g/alpha");
  });
});
