/** Microsoft.HybridCompute/machines: the servers and VM hosts with an agent. What a machine has not said is absent. */

import type { Resource } from "./types";

export interface MachineError {
  /** A code of the catalogue or of azcmagent. */
  code: string;
  message?: string;
  target?: string;
}

export interface IpAddress {
  address?: string;
  ipAddressVersion?: string;
  subnet?: { addressPrefix?: string };
}

export interface NetworkInterface {
  id?: string;
  name?: string;
  macAddress?: string;
  ipAddresses?: IpAddress[];
}

export interface Disk {
  name?: string;
  path?: string;
  diskType?: string;
  maxSizeInBytes?: number;
  usedSpaceInBytes?: number;
}

/** What this project adds. */
export interface MachineOwn {
  drivers?: string[];
  images?: string[];
  programs?: string[];
  sockets?: string[];
  /** True when the host's own policy refuses every write. */
  monitor?: boolean;
  virtualMachines?: number;
  /** The console of the server itself, `shell` or `uart`; empty where its administrator allows none. */
  console?: string;
  /** Names of serial devices that its administrator offers. */
  uarts?: string[];
  /** ISO: it was last heard. */
  lastHeartbeat?: string | null;
  /** ISO: the end of its certificate. */
  certificateExpires?: string | null;
  /** False of an agent of a version that cannot renew it: the end does not count then. */
  renews?: boolean;
  /** State of the agent's services by name. */
  services?: Record<string, string>;
}

export interface MachineProperties {
  provisioningState?: string;
  status?: string;
  lastStatusChange?: string;
  /** The agent's own id. */
  vmId?: string;
  vmUuid?: string;
  agentVersion?: string;
  displayName?: string;
  machineFqdn?: string;
  dnsFqdn?: string;
  domainName?: string;
  osType?: string;
  osName?: string;
  osVersion?: string;
  osSku?: string;
  osEdition?: string;
  errorDetails?: MachineError[];
  agentConfiguration?: Record<string, unknown>;
  serviceStatuses?: Record<string, unknown>;
  cloudMetadata?: { provider?: string };
  detectedProperties?: Record<string, unknown>;
  networkProfile?: { networkInterfaces?: NetworkInterface[] };
  hardwareProfile?: {
    totalPhysicalMemoryInBytes?: number;
    numberOfCpuSockets?: number;
    processors?: { name?: string; numberOfCores?: number }[];
  };
  firmwareProfile?: { serialNumber?: string; type?: string };
  storageProfile?: { disks?: Disk[] };
  locationData?: { name?: string; city?: string; district?: string; countryOrRegion?: string };
  outofband?: MachineOwn;
}

export type ConnectedMachine = Resource<MachineProperties> & {
  identity?: { type: string; principalId?: string; tenantId?: string };
  kind?: string;
};
