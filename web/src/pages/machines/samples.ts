/** Connected machines for tests, in the API's shape. */

import type { ConnectedMachine, MachineProperties } from "../../api/machines";

export function sample(name: string, properties: MachineProperties = {}, group = "g"): ConnectedMachine {
  return {
    id: `/subscriptions/s/resourceGroups/${group}/providers/Microsoft.HybridCompute/machines/${name}`,
    name,
    type: "Microsoft.HybridCompute/machines",
    location: "local",
    identity: { type: "SystemAssigned", principalId: `object-${name}`, tenantId: "t" },
    properties: {
      provisioningState: "Succeeded",
      status: "Connected",
      lastStatusChange: "2026-01-02T03:04:05.000000Z",
      vmId: `agent-${name}`,
      ...properties,
    },
  };
}
