import { describe, expect, it } from "vitest";
import type { Host as HostResource } from "../../api/types";
import { inOrder, toHost } from "./host";

function resource(name: string, status: string): HostResource {
  return {
    id: `/subscriptions/s/resourceGroups/g/providers/Microsoft.HybridCompute/machines/${name}`,
    name,
    type: "Microsoft.HybridCompute/machines",
    properties: { status, lastStatusChange: "2026-01-02T03:04:05.000000Z", vmId: `agent-${name}` },
  };
}

describe("toHost", () => {
  it("lives with a host that has said nothing yet", () => {
    expect(toHost(resource("alpha", "Disconnected"))).toMatchObject({
      name: "alpha",
      group: "g",
      connected: false,
      agent: "",
      machines: undefined,
      images: [],
      monitor: false,
    });
  });

  it("puts hosts that are away first, and numbers in order", () => {
    const hosts = [
      resource("h10", "Connected"),
      resource("h9", "Connected"),
      resource("z", "Disconnected"),
    ].map(toHost);
    expect(inOrder(hosts).map((host) => host.name)).toEqual(["z", "h9", "h10"]);
  });
});
