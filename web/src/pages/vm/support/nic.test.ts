import { act, renderHook } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";
import { type Asked, json, refusal, type Server, serve } from "../../../../tests/server";
import { setSession } from "../../../api/session";
import { sampleVm } from "../../vms/samples";
import type { Interface } from "./network";
import { freeAddress, resetCard, type Stage, viewOf } from "./nic";
import { useNicReset } from "./useNicReset";

const NET =
  "/subscriptions/aaaaaaaa-0000-0000-0000-000000000001/resourceGroups/rg1/providers/Microsoft.Network";
const vm = sampleVm({ name: "web1" });

function card(method: string): Interface {
  const properties = {
    primary: true,
    privateIPAddress: "10.0.0.4",
    privateIPAllocationMethod: method,
    subnet: { id: `${NET}/virtualNetworks/v/subnets/s` },
  };
  return {
    id: `${NET}/networkInterfaces/n`,
    name: "n",
    type: "Microsoft.Network/networkInterfaces",
    etag: '"1"',
    properties: { macAddress: "00-0D-3A-00-00-01", ipConfigurations: [{ name: "i", properties }] },
  } as Interface;
}

let server: Server;
beforeEach(() => {
  server = serve();
  setSession({ token: async () => "token", signIn: () => new Promise(() => undefined) });
});

const asked = (): string[] =>
  server.asked.map(
    (each) => `${each.method} ${new URL(each.url, "https://localhost").pathname.split("/").at(-1)}`,
  );

function bodyOf(asked: Asked | undefined): unknown {
  return typeof asked?.body === "string" ? JSON.parse(asked.body) : asked?.body;
}

describe("a reset of a card", () => {
  it("that cannot even read the card failed at its first stage, also after one that failed later", async () => {
    const { result } = renderHook(() => useNicReset(vm, async () => undefined));
    const begin = () =>
      act(() => result.current.begin(card("Static"), { address: "10.0.0.5", fixed: true }, false));
    const denied = () => refusal(403, "AuthorizationFailed");
    server.answer(
      () => json(card("Static")),
      () => json(card("Static")),
      denied,
    );
    await begin();
    expect(result.current).toMatchObject({ busy: false, stage: "tell" });
    server.answer(denied);
    await begin();
    expect(result.current).toMatchObject({ busy: false, stage: "write", result: undefined });
    expect(result.current.error).toBeDefined();
  });

  it("goes by a static address and ends dynamic, and restarts the machine", async () => {
    server.answer(...Array.from({ length: 6 }, () => () => json(card("Static"))));
    const stages: Stage[] = [];
    await resetCard(vm, card("Dynamic"), { address: "10.0.0.5", fixed: false }, false, (at) =>
      stages.push(at),
    );
    expect(asked()).toEqual(["PUT n", "GET n", "PUT n", "POST reapply", "POST restart"]);
    const wrote = (at: number): unknown =>
      (bodyOf(server.asked[at]) as Interface).properties.ipConfigurations[0]?.properties;
    expect(wrote(0)).toMatchObject({ privateIPAddress: "10.0.0.5", privateIPAllocationMethod: "Static" });
    expect(wrote(2)).toMatchObject({ privateIPAllocationMethod: "Dynamic" });
    expect(stages).toEqual(["write", "tell", "restart"]);
  });

  it("keeps a static address static, and leaves a machine off that is off", async () => {
    server.answer(...Array.from({ length: 6 }, () => () => json({})));
    await resetCard(vm, card("Static"), { address: "10.0.0.5", fixed: true }, true, () => undefined);
    expect(asked()).toEqual(["PUT n", "POST reapply"]);
  });

  it("stops a machine that takes its first card only then", async () => {
    const busy = (): Response => refusal(409, "Conflict");
    server.answer(() => json({}), busy, ...Array.from({ length: 4 }, () => () => json({})));
    await resetCard(vm, card("Static"), { address: "10.0.0.5", fixed: true }, false, () => undefined);
    expect(asked()).toEqual(["PUT n", "POST reapply", "POST powerOff", "POST reapply", "POST start"]);
  });

  it("proposes the next free address of the subnet", async () => {
    server.answer(() => json({ available: false, availableIPAddresses: ["10.0.0.7", "10.0.0.8"] }));
    expect(await freeAddress(card("Dynamic"))).toBe("10.0.0.7");
    expect(server.asked[0]?.url).toContain("virtualNetworks/v/CheckIPAddressAvailability?");
    expect(viewOf(card("Dynamic"))).toEqual({ address: "10.0.0.4", mac: "00-0D-3A-00-00-01", fixed: false });
  });
});
