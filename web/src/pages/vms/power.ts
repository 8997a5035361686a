/** States of power, in the words after `PowerState/`, and what may be asked of a machine in each. */

import type { VirtualMachine } from "../../api/types";

export const POWERS = ["running", "starting", "stopping", "stopped", "deallocated", "unknown"] as const;
export type Power = (typeof POWERS)[number];

/** Actions on power, by their name in Resource Manager. */
export const POWER_ACTIONS = ["start", "restart", "powerOff"] as const;
export type PowerAction = (typeof POWER_ACTIONS)[number];

const PREFIX = "PowerState/";

export function powerOf(vm: VirtualMachine): Power {
  for (const status of vm.properties.instanceView?.statuses ?? []) {
    if (status.code.startsWith(PREFIX)) return toPower(status.code.slice(PREFIX.length));
  }
  return "unknown";
}

function toPower(word: string): Power {
  return POWERS.find((power) => power === word) ?? "unknown";
}

export function isOff(power: Power): boolean {
  return power === "stopped" || power === "deallocated";
}

/** Whether an action has any effect in this state; where power is unknown nothing is ruled out. */
export function hasEffect(action: PowerAction, power: Power): boolean {
  switch (action) {
    case "start":
      return power !== "running" && power !== "starting";
    case "powerOff":
    case "restart":
      return !isOff(power);
  }
}
