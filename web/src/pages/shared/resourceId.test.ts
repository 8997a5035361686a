import { describe, expect, it } from "vitest";
import { placeOf, vmId, vmPath } from "./resourceId";

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
  });
});
