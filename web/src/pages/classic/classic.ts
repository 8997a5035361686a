/** Classic VMs (`Microsoft.ClassicCompute`): views of VMs, with endpoints. Shapes, addresses, requests. */

import { arm, VERSIONS } from "../../api/client";
import type { Resource, Subscription } from "../../api/types";
import type { Subject } from "../../notices";
import { t } from "../../text";
import { groupScope, type Place, placeOf } from "../shared/resourceId";

export interface Endpoint {
  endpointName: string;
  privatePort: number;
  publicPort: number;
  protocol: string;
  enableDirectServerReturn?: boolean;
}

export type ClassicVm = Resource<{
  domainName: { id: string; name: string };
  networkProfile: { inputEndpoints: Endpoint[] };
  storageProfile?: { operatingSystemDisk?: { operatingSystem?: string } };
  instanceView: { status: string; powerState: string; publicIpAddresses: string[] };
  /** The VM that it is a view of. */
  outofband: { virtualMachine: { id: string } };
}>;

export const CLASSIC_VM = "Microsoft.ClassicCompute/virtualMachines";
const RDP = 3389;
/** Where Azure began to give out public ports. */
const FIRST = 49152;
const LAST = 65535;

export function classicId(place: Place): string {
  return `${groupScope(place)}/providers/${CLASSIC_VM}/${place.name}`;
}

export function classicPath({ subscription, group, name }: Place): string {
  return `/classic/${[subscription, group, name].map(encodeURIComponent).join("/")}`;
}

/** Throws ApiError. */
export async function loadClassics(signal?: AbortSignal): Promise<ClassicVm[]> {
  const subscriptions = await arm.list<Subscription>("/subscriptions", {
    version: VERSIONS.resources,
    signal,
  });
  const lists = await Promise.all(
    subscriptions.map(({ id }) =>
      arm.list<ClassicVm>(`${id}/providers/${CLASSIC_VM}`, { version: VERSIONS.classicCompute, signal }),
    ),
  );
  return lists.flat();
}

export function hasRdp(vm: ClassicVm): boolean {
  return vm.properties.networkProfile.inputEndpoints.some((each) => each.privatePort === RDP);
}

/** The endpoints with one for Remote Desktop: at its usual port where that is free, else at a high one. */
export function withRdp(endpoints: readonly Endpoint[]): Endpoint[] {
  const ports = new Set(endpoints.map((each) => each.publicPort));
  const names = new Set(endpoints.map((each) => each.endpointName.toLowerCase()));
  let publicPort = RDP;
  for (let each = FIRST; ports.has(publicPort) && each <= LAST; each++) publicPort = each;
  let endpointName = "Remote Desktop";
  for (let number = 2; names.has(endpointName.toLowerCase()); number++)
    endpointName = `Remote Desktop ${number}`;
  return [...endpoints, { endpointName, privatePort: RDP, publicPort, protocol: "tcp" }];
}

/** Throws ApiError; somebody else's change in between is not written over. */
export async function writeEndpoints(vm: ClassicVm, inputEndpoints: readonly Endpoint[]): Promise<void> {
  await arm.begin(vm.id, {
    method: "PATCH",
    version: VERSIONS.classicCompute,
    body: { properties: { networkProfile: { inputEndpoints } } },
    ...(vm.etag && { headers: { "If-Match": vm.etag } }),
    title: t("classic.noticeEndpoints", { name: vm.name }),
    subject: subjectOf(vm),
  });
}

/** Addresses that open by themselves for some minutes. */
export interface BootPlaces {
  serialConsoleLogBlobUri?: string;
  consoleScreenshotBlobUri?: string;
}

/** Throws ApiError. */
export function bootPlaces(vm: ClassicVm): Promise<BootPlaces> {
  return arm.post<BootPlaces>(`${vm.id}/retrieveBootDiagnosticsData`, { version: VERSIONS.classicCompute });
}

export type ClassicDeed = "start" | "restart" | "shutdown" | "resetRemoteAccess";

/** `account` is for a password only. Throws ApiError. */
export async function act(
  vm: ClassicVm,
  deed: ClassicDeed,
  account?: { userName: string; password: string },
): Promise<void> {
  await arm.begin(`${vm.id}/${deed}`, {
    version: VERSIONS.classicCompute,
    ...(account && { body: account }),
    title: `${deedWord(deed)}: ${vm.name}`,
    subject: subjectOf(vm),
  });
}

export function deedWord(deed: ClassicDeed): string {
  switch (deed) {
    case "start":
      return t("vms.start");
    case "restart":
      return t("vms.restart");
    case "shutdown":
      return t("classic.shutdown");
    case "resetRemoteAccess":
      return t("classic.resetRemoteAccess");
  }
}

function subjectOf(vm: ClassicVm): Subject {
  return { name: vm.name, href: classicPath(placeOf(vm.id)) };
}
