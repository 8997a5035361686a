/** Virtual machines as Resource Manager answers them, for tests. */

import type { InstanceViewStatus, VirtualMachine } from "../../api/types";

const SUBSCRIPTION = "aaaaaaaa-0000-0000-0000-000000000001";

export interface Sample {
  name: string;
  group?: string;
  subscription?: string;
  host?: string;
  power?: string;
  driver?: string;
  provisioning?: string;
  connected?: boolean;
  alarm?: string;
  shows?: string;
  program?: string;
  tags?: Record<string, string>;
  statuses?: InstanceViewStatus[];
}

export function sampleVm(sample: Sample): VirtualMachine {
  const { name, group = "rg1", subscription = SUBSCRIPTION, host = "host1", power = "running" } = sample;
  const inGroup = `/subscriptions/${subscription}/resourceGroups/${group}/providers`;
  const provisioning = sample.provisioning ?? "Succeeded";
  return {
    id: `${inGroup}/Microsoft.Compute/virtualMachines/${name}`,
    name,
    type: "Microsoft.Compute/virtualMachines",
    location: "local",
    ...(sample.tags && { tags: sample.tags }),
    properties: {
      provisioningState: provisioning,
      vmId: `vm-${name}`,
      host: { id: `${inGroup}/Microsoft.HybridCompute/machines/${host}` },
      outofband: {
        driver: sample.driver ?? "qemu",
        image: "demo",
        memoryMiB: 256,
        cpus: 1,
        ...(sample.program && { program: sample.program }),
      },
      instanceView: {
        computerName: name,
        statuses: [
          {
            code: `ProvisioningState/${provisioning.toLowerCase()}`,
            level: "Info",
            displayStatus: provisioning,
          },
          {
            code: `PowerState/${power}`,
            level: "Info",
            displayStatus: `VM ${power}`,
            time: "2026-01-02T03:04:05.000000Z",
          },
          ...(sample.statuses ?? []),
        ],
        outofband: {
          driver: sample.driver ?? "qemu",
          hostConnected: sample.connected ?? true,
          screen: (sample.driver ?? "qemu") === "qemu",
          ports: [
            {
              name: "0",
              start: 0,
              end: 100,
              writer: null,
              viewers: 0,
              alarm: sample.alarm ?? null,
              ...(sample.shows !== undefined && { shows: sample.shows }),
            },
          ],
        },
      },
    },
  };
}
