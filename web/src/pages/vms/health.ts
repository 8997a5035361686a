/** What is wrong with a machine, as far as its host and its last change say. */

import type { InstanceViewStatus, VirtualMachine } from "../../api/types";
import type { Power } from "./power";
import { powerOf } from "./power";

/**
 * From worst to best. `changing` is a create, update or delete under way, `off` a machine that does not run,
 * which is nobody's fault.
 */
export const CONDITIONS = [
  "failed",
  "fault",
  "alarm",
  "unreachable",
  "unknown",
  "changing",
  "off",
  "well",
] as const;
export type Condition = (typeof CONDITIONS)[number];

export interface Health {
  condition: Condition;
  /** A code of the catalogue, when one says what is wrong. */
  code?: string;
  /** The server's own sentence about it. */
  detail?: string;
}

const FAULT = "HostFault/";
const PROVISIONING = "ProvisioningState/";
const DISCONNECTED = "HostState/disconnected";
const CHANGING = new Set(["creating", "updating", "deleting"]);

export function healthOf(vm: VirtualMachine): Health {
  const statuses = vm.properties.instanceView?.statuses ?? [];
  const provisioning = (vm.properties.provisioningState ?? "").toLowerCase();
  if (provisioning === "failed") {
    return told(
      "failed",
      statuses.find((each) => each.code.startsWith(PROVISIONING)),
    );
  }
  const fault = statuses.find((each) => each.code.startsWith(FAULT));
  if (fault) return told("fault", fault);
  const lost = statuses.find((each) => each.code === DISCONNECTED);
  // Before an alarm: what a host said before it was lost may be over.
  if (lost) return told("unreachable", lost);
  const alarm = (vm.properties.instanceView?.outofband?.ports ?? []).find((port) => port.alarm)?.alarm;
  if (alarm) return { condition: "alarm", code: alarm };
  if (CHANGING.has(provisioning)) return { condition: "changing" };
  return { condition: ofPower(powerOf(vm)) };
}

/** For sorting: the smaller, the sooner somebody should look. */
export function severity(condition: Condition): number {
  return CONDITIONS.indexOf(condition);
}

function ofPower(power: Power): Condition {
  switch (power) {
    case "running":
      return "well";
    case "starting":
    case "stopping":
      return "changing";
    case "stopped":
    case "deallocated":
      return "off";
    case "unknown":
      return "unknown";
  }
}

function told(condition: Condition, status: InstanceViewStatus | undefined): Health {
  if (!status) return { condition };
  const code = codeIn(status.code);
  const detail = status.message ?? status.displayStatus;
  return { condition, ...(code !== undefined && { code }), ...(detail !== undefined && { detail }) };
}

/** `ProvisioningState/failed/ImageNotFound` and `HostFault/GuestPanicked` name a code last, others none. */
function codeIn(status: string): string | undefined {
  const parts = status.split("/");
  if (status.startsWith(FAULT)) return parts[1];
  return status.startsWith(PROVISIONING) ? parts[2] : undefined;
}
