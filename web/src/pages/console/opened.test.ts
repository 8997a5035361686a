import { expect, test } from "vitest";
import { MOST, openedOf, searchOf, withoutVm, withVm } from "./opened";

function vm(name: string): string {
  return `/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/${name}`;
}

test("an address holds which consoles are open, how they lie and which is in front", () => {
  const opened = { vms: [vm("a"), vm("b")], layout: "grid", at: 1, alone: false } as const;
  expect(openedOf(searchOf(opened))).toEqual(opened);
});

test("what is no machine, or is there already, is left out", () => {
  const search = new URLSearchParams([
    ["vm", vm("a")],
    ["vm", vm("A")],
    ["vm", "/etc/passwd"],
    ["at", "7"],
    ["layout", "heap"],
  ]);
  expect(openedOf(search)).toEqual({ vms: [vm("A")], layout: "tabs", at: 0, alone: false });
});

test("a server with a console of its own is as good as a VM", () => {
  const server = "/subscriptions/s/resourceGroups/g/providers/Microsoft.HybridCompute/machines/alpha";
  const search = new URLSearchParams([
    ["vm", server],
    ["vm", `${server}/extensions/x`],
  ]);
  expect(openedOf(search).vms).toEqual([server]);
});

test("a machine is added in front, once, and not beyond the bound", () => {
  const one = openedOf(new URLSearchParams({ vm: vm("a") }));
  const two = withVm(one, vm("b"));
  expect(two).toMatchObject({ vms: [vm("a"), vm("b")], at: 1 });
  expect(withVm(two, vm("A"))).toMatchObject({ vms: two.vms, at: 0 });
  const full = Array.from({ length: MOST + 2 }, (_, index) => vm(`m${index}`)).reduce(withVm, one);
  expect(full.vms).toHaveLength(MOST);
});

test("closing one leaves the one in front in front", () => {
  const three = { vms: [vm("a"), vm("b"), vm("c")], layout: "tabs", at: 1, alone: false } as const;
  expect(withoutVm(three, vm("a"))).toMatchObject({ vms: [vm("b"), vm("c")], at: 0 });
  expect(withoutVm(three, vm("c"))).toMatchObject({ vms: [vm("a"), vm("b")], at: 1 });
  expect(withoutVm(three, vm("b"))).toMatchObject({ vms: [vm("a"), vm("c")], at: 1 });
  expect(withoutVm(withoutVm(withoutVm(three, vm("a")), vm("b")), vm("c"))).toMatchObject({ vms: [], at: 0 });
});
