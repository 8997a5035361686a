/** A VM's network interfaces and public addresses, as Microsoft.Network has them. */

import { arm, VERSIONS } from "../../../api/client";
import { isAbort } from "../../../api/errors";
import { follow, monitorOf } from "../../../api/operations";
import { bodyOf, type Options, send } from "../../../api/transport";
import type { Resource, VirtualMachine } from "../../../api/types";
import { t } from "../../../text";
import { CLASSIC_VM, type ClassicVm, type Endpoint } from "../../classic/classic";
import { groupScope, keyOf, placeOf } from "../../shared/resourceId";
import { subjectOf } from "../../vms/actions";

interface Named {
  id: string;
}

export interface IpConfiguration {
  name: string;
  properties: {
    primary?: boolean;
    privateIPAddress?: string;
    privateIPAllocationMethod?: string;
    privateIPAddressVersion?: string;
    subnet?: Named;
    publicIPAddress?: Named;
    [other: string]: unknown;
  };
}

export type Interface = Resource<{
  ipConfigurations: IpConfiguration[];
  networkSecurityGroup?: Named;
  /** Of the card that the guest sees, as `00-0D-3A-...`. */
  macAddress?: string;
  [other: string]: unknown;
}>;

export type PublicAddress = Resource<{
  ipAddress?: string;
  /** Why it leads nowhere, or that nobody routes it. */
  outofband?: { statement?: string };
}>;

/** What a person connects to. */
export interface Reach {
  /** The card that the VM is reached at; absent when it has none. */
  card?: Interface;
  /** Of its primary IPv4 configuration. */
  privateAddress?: string;
  /** Its public address; without `ipAddress` when none could be given out. */
  public?: PublicAddress;
  /** Of its classic view: it is reached at these and nowhere else. Absent when it has none. */
  endpoints?: readonly Pick<Endpoint, "publicPort" | "privatePort">[];
}

/** The ids of a VM's interfaces, the primary one first. */
export function interfacesOf(vm: VirtualMachine): string[] {
  const listed = vm.properties.networkProfile?.["networkInterfaces"];
  if (!Array.isArray(listed)) return [];
  const named = listed as { id?: string; properties?: { primary?: boolean } }[];
  return named
    .flatMap((each) => (each.id ? [{ id: each.id, first: each.properties?.primary === true }] : []))
    .sort((one, other) => Number(other.first) - Number(one.first))
    .map((each) => each.id);
}

/** A host gives one address to a card: that of its primary IPv4 configuration. */
export function primaryOf(card: Interface): IpConfiguration | undefined {
  const all = card.properties.ipConfigurations;
  const four = all.filter((each) => (each.properties.privateIPAddressVersion ?? "IPv4") === "IPv4");
  const among = four.length > 0 ? four : all;
  return among.find((each) => each.properties.primary) ?? among[0];
}

export async function reachOf(vm: VirtualMachine, signal?: AbortSignal): Promise<Reach> {
  const id = interfacesOf(vm)[0];
  if (id === undefined) return {};
  const options = { version: VERSIONS.network, signal };
  const card = await arm.get<Interface>(id, options);
  const part = primaryOf(card)?.properties;
  const found: Reach = { card };
  if (part?.privateIPAddress) found.privateAddress = part.privateIPAddress;
  if (part?.publicIPAddress) found.public = await arm.get<PublicAddress>(part.publicIPAddress.id, options);
  const classic = found.public && (await classicOf(vm, signal));
  if (classic) found.endpoints = classic.properties.networkProfile.inputEndpoints;
  return found;
}

/** The classic view of a VM, as far as the reader may know of it. */
async function classicOf(vm: VirtualMachine, signal?: AbortSignal): Promise<ClassicVm | undefined> {
  const path = `/subscriptions/${placeOf(vm.id).subscription}/providers/${CLASSIC_VM}`;
  try {
    const all = await arm.list<ClassicVm>(path, { version: VERSIONS.classicCompute, signal });
    return all.find((each) => isSame(each.properties.outofband.virtualMachine.id, vm.id));
  } catch (thrown) {
    if (isAbort(thrown)) throw thrown;
    // Without the right to it the usual ports are as good a guess as any.
    return undefined;
  }
}

/** The interface as it is to be written, with `part` in its primary configuration. */
export function withPrimary(card: Interface, part: Partial<IpConfiguration["properties"]>): object {
  const primary = primaryOf(card)?.name;
  const { provisioningState: _, resourceGuid: __, ...properties } = card.properties;
  return {
    location: card.location,
    tags: card.tags,
    properties: {
      ...properties,
      ipConfigurations: card.properties.ipConfigurations.map((each) =>
        each.name === primary ? { ...each, properties: { ...each.properties, ...part } } : each,
      ),
    },
  };
}

/** Written only over what was read. Throws ApiError. */
export function writeCard(
  vm: VirtualMachine,
  card: Interface,
  part: Partial<IpConfiguration["properties"]>,
  title: string,
): Promise<void> {
  return arm.begin(card.id, {
    method: "PUT",
    version: VERSIONS.network,
    body: withPrimary(card, part),
    ...(card.etag && { headers: { "If-Match": card.etag } }),
    title,
    subject: subjectOf(vm),
  });
}

/** Makes a public address named after the VM and gives it to the VM's card. */
export async function createAndAssign(vm: VirtualMachine, card: Interface): Promise<void> {
  const id = `${groupScope(placeOf(card.id))}/providers/Microsoft.Network/publicIPAddresses/${vm.name}-ip`;
  const subject = subjectOf(vm);
  const title = t("support.noticeAddress", { name: vm.name });
  const body = {
    location: card.location,
    sku: { name: "Standard" },
    properties: { publicIPAllocationMethod: "Static" },
  };
  await arm.begin(id, { method: "PUT", version: VERSIONS.network, body, title, subject });
  await writeCard(vm, card, { publicIPAddress: { id } }, t("support.noticeAssign", { name: vm.name }));
}

/** A question that is an operation: its answer, without a notification. */
export async function question<T>(path: string, options: Options): Promise<T> {
  const response = await send("POST", path, options);
  const monitor = monitorOf(response);
  if (monitor === undefined) return bodyOf<T>(response);
  return follow<T>(monitor, { signal: options.signal });
}

/** Whether two ids name the same. */
export function isSame(one: string, other: string): boolean {
  return keyOf(one) === keyOf(other);
}
