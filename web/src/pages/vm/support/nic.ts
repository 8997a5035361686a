/** Reset NIC: the interface gets another private address and with it another card, which the guest has never seen. */

import { arm, VERSIONS } from "../../../api/client";
import { explained } from "../../../api/errors";
import type { Observation, VirtualMachine } from "../../../api/types";
import { t } from "../../../text";
import { act, subjectOf } from "../../vms/actions";
import { type Interface, primaryOf, writeCard } from "./network";

/** What a card is known by. */
export interface CardView {
  address: string;
  mac: string;
  /** An address that is asked for by name; else the next free one was taken, and stays. */
  fixed: boolean;
}

/** In their order; `restart` is left out of a machine that is off. */
export type Stage = "write" | "tell" | "restart";

export function viewOf(card: Interface): CardView {
  const part = primaryOf(card)?.properties;
  return {
    address: part?.privateIPAddress ?? "",
    mac: card.properties.macAddress ?? "",
    fixed: part?.privateIPAllocationMethod === "Static",
  };
}

export function stagesOf(off: boolean): Stage[] {
  return off ? ["write", "tell"] : ["write", "tell", "restart"];
}

/** A free address of the card's subnet; undefined when it has none, or the reader may not know of it. */
export async function freeAddress(card: Interface, signal?: AbortSignal): Promise<string | undefined> {
  const part = primaryOf(card)?.properties;
  const network = part?.subnet?.id.split("/subnets/")[0];
  if (!network || !part?.privateIPAddress) return undefined;
  const told = await arm.get<{ availableIPAddresses?: string[] }>(`${network}/CheckIPAddressAvailability`, {
    version: VERSIONS.network,
    query: { ipAddress: part.privateIPAddress },
    signal,
  });
  return told.availableIPAddresses?.[0];
}

/**
 * Gives the card another address; what was dynamic is dynamic again and keeps it. The machine's host is told, and the machine
 * restarts, for a card comes with a start. What the host saw happen, where it did. Throws ApiError.
 */
export async function resetCard(
  vm: VirtualMachine,
  card: Interface,
  wanted: Pick<CardView, "address" | "fixed">,
  off: boolean,
  onStage: (stage: Stage) => void,
): Promise<Observation | undefined> {
  const title = t("nic.noticeWrite", { name: vm.name });
  onStage("write");
  await writeCard(vm, card, { privateIPAllocationMethod: "Static", privateIPAddress: wanted.address }, title);
  if (!wanted.fixed) {
    const written = await arm.get<Interface>(card.id, { version: VERSIONS.network });
    await writeCard(vm, written, { privateIPAllocationMethod: "Dynamic" }, title);
  }
  onStage("tell");
  const waits = !(await tell(vm)) && !off;
  if (off) return undefined;
  onStage("restart");
  if (!waits) return act("restart", vm);
  await act("powerOff", vm);
  await tell(vm);
  return act("start", vm);
}

/** Whether its host has taken it; a machine that runs without a card takes its first one only when it is stopped. */
async function tell(vm: VirtualMachine): Promise<boolean> {
  try {
    await arm.begin(`${vm.id}/reapply`, {
      version: VERSIONS.compute,
      title: t("nic.noticeTell", { name: vm.name }),
      subject: subjectOf(vm),
    });
    return true;
  } catch (thrown) {
    if (explained(thrown).code !== "Conflict") throw thrown;
    return false;
  }
}
