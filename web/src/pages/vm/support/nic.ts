/** Reset NIC: the interface gets another private address and with it another card, which the guest has never seen. */

import { arm, VERSIONS } from "../../../api/client";
import type { VirtualMachine } from "../../../api/types";
import { t } from "../../../text";
import { subjectOf } from "../../vms/actions";
import { type Interface, primaryOf } from "./network";

/** Where an interface is; `method` is how it came by its address, `Dynamic` or `Static`. */
export interface Seat {
  address: string;
  method: string;
  mac: string;
}

/** What a reset came to. Putting `before` back is a reset, too. */
export interface NicResult {
  observed: string;
  before: Seat;
  after: Seat;
}

export function seatOf(card: Interface): Seat {
  const part = primaryOf(card)?.properties;
  return {
    address: part?.privateIPAddress ?? "",
    method: part?.privateIPAllocationMethod ?? "Dynamic",
    mac: card.properties.macAddress ?? "",
  };
}

/**
 * To an address that is named, or to the seat that it had before, its card included; else the server chooses, which knows what the guest does not take for its
 * old one. Throws ApiError.
 */
export function resetNic(vm: VirtualMachine, to: string | Seat | undefined): Promise<NicResult> {
  return arm.begin<NicResult>(`${vm.id}/resetNic`, {
    version: VERSIONS.compute,
    body: bodyOf(to),
    title: t("nic.notice", { name: vm.name }),
    subject: subjectOf(vm),
  });
}

function bodyOf(to: string | Seat | undefined): object {
  if (typeof to !== "object") return to ? { privateIPAddress: to } : {};
  return { privateIPAddress: to.address, privateIPAllocationMethod: to.method, macAddress: to.mac };
}
