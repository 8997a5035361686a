/** A host as its row shows it, out of a HybridCompute machine. */

import type { Host as HostResource } from "../../api/types";
import { keyOf, placeOf } from "../shared/resourceId";

export interface Host {
  id: string;
  key: string;
  name: string;
  subscription: string;
  group: string;
  connected: boolean;
  /** ISO: connected since, or last seen. */
  changed: string;
  /** Empty when the host has not said, as all below. */
  agent: string;
  accelerator: string;
  probe: string;
  system: string;
  cpus: string;
  memoryMiB: string;
  /** True when the host's own policy lets nobody type. */
  monitor: boolean;
  /** Undefined when it has not said. */
  machines: number | undefined;
  drivers: readonly string[];
  images: readonly string[];
  programs: readonly string[];
  sockets: readonly string[];
  agentId: string;
}

export function toHost(resource: HostResource): Host {
  const { properties } = resource;
  const { subscription, group } = placeOf(resource.id);
  const detected = properties.detectedProperties;
  const own = properties.outofband;
  return {
    id: resource.id,
    key: keyOf(resource.id),
    name: resource.name,
    subscription,
    group,
    connected: properties.status === "Connected",
    changed: properties.lastStatusChange,
    agent: properties.agentVersion ?? "",
    accelerator: detected?.accelerator ?? "",
    probe: detected?.probe ?? "",
    system: [properties.osName, properties.machineFqdn].filter(Boolean).join(", "),
    cpus: detected?.logicalCoreCount ?? "",
    memoryMiB: detected?.totalPhysicalMemoryInMegabytes ?? "",
    monitor: own?.monitor ?? false,
    machines: own?.virtualMachines,
    drivers: own?.drivers ?? [],
    images: own?.images ?? [],
    programs: own?.programs ?? [],
    sockets: own?.sockets ?? [],
    agentId: properties.vmId,
  };
}

/** Hosts that are away first, then by name. */
export function inOrder(hosts: readonly Host[]): Host[] {
  return [...hosts].sort(
    (one, other) =>
      Number(one.connected) - Number(other.connected) ||
      one.name.localeCompare(other.name, undefined, { numeric: true }),
  );
}
