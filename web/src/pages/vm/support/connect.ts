/** What a person needs to connect to a VM from outside: an address, a file, a line. Pure. */

import type { VirtualMachine } from "../../../api/types";
import type { Reach } from "./network";

export type Way = "rdp" | "ssh";

export const PORTS: Readonly<Record<Way, number>> = { rdp: 3389, ssh: 22 };

/** What keeps everybody from connecting, before any rule is asked. */
export type NoWay = "noCard" | "noAddress" | "notGiven";

export function noWay(reach: Reach): NoWay | undefined {
  if (!reach.card) return "noCard";
  if (!reach.public) return "noAddress";
  return reach.public.properties.ipAddress ? undefined : "notGiven";
}

/** Where it is reached; undefined when its classic view has no endpoint for that. */
export function portOf(reach: Reach, way: Way): number | undefined {
  if (!reach.endpoints) return PORTS[way];
  return reach.endpoints.find((each) => each.privatePort === PORTS[way])?.publicPort;
}

/** `administrator` of the system profile, if somebody said it. */
export function userOf(vm: VirtualMachine): string {
  const given = (vm.properties.osProfile as { adminUsername?: unknown } | undefined)?.adminUsername;
  return typeof given === "string" ? given : "";
}

export function isWindows(vm: VirtualMachine): boolean {
  const disk = (vm.properties.storageProfile as { osDisk?: { osType?: string } } | undefined)?.osDisk;
  return disk?.osType?.toLowerCase() === "windows";
}

/** An address as it stands before a port. */
export function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

/** A file for any Remote Desktop client. A name with a line break would be a setting of its own. */
export function rdpFile(address: string, port: number, user: string): string {
  const lines = [
    `full address:s:${bracketed(address)}:${port}`,
    "prompt for credentials:i:1",
    "administrative session:i:1",
    ...(user ? [`username:s:${user.replaceAll(/[\r\n]/g, "")}`] : []),
  ];
  return `${lines.join("\r\n")}\r\n`;
}

/** A line for a shell; what is not plain in a name is quoted for it. */
export function sshLine(address: string, port: number, user: string): string {
  const target = user ? `${quoted(user)}@${address}` : address;
  return port === PORTS.ssh ? `ssh ${target}` : `ssh -p ${port} ${target}`;
}

function quoted(word: string): string {
  return /^[\w.@-]+$/.test(word) && !word.startsWith("-") ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
