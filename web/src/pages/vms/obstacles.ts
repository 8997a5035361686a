/** Why something cannot be done to a machine, as far as that can be known before it is tried. */

import { t } from "../../text";
import { actionOn, type Right } from "../shared/rights";
import { isWatchedOnly, type Machine } from "./machine";
import { hasEffect, isOff, POWER_ACTIONS } from "./power";

export const DEEDS = [...POWER_ACTIONS, "reset", "redeploy", "connect", "delete"] as const;
export type Deed = (typeof DEEDS)[number];

/** What each needs; a console's right contains what is sent through it. */
export const RIGHT_FOR: Readonly<Record<Deed, Right>> = {
  start: "start",
  restart: "restart",
  powerOff: "powerOff",
  reset: "connect",
  redeploy: "redeploy",
  connect: "connect",
  delete: "delete",
};

export type Obstacle = "right" | "watched" | "noReset" | "unplaced" | "host" | "running" | "stopped";

/** The first thing in the way, those first that waiting does not mend; undefined when nothing is. */
export function obstacleTo(deed: Deed, machine: Machine, allowed: boolean): Obstacle | undefined {
  if (!allowed) return "right";
  // A console that does not open says why by itself, with a button that mends it.
  if (deed === "connect") return undefined;
  const unplaced = machine.health.condition === "failed" && machine.power === "unknown";
  if (deed === "delete") return machine.certain || unplaced ? undefined : "host";
  if (isWatchedOnly(machine)) return "watched";
  if (deed === "reset" && machine.driver === "pty") return "noReset";
  if (unplaced) return "unplaced";
  if (!machine.certain) return "host";
  // It starts the machine anew in the end, whatever its power was.
  if (deed === "redeploy") return undefined;
  if (deed === "reset") return isOff(machine.power) ? "stopped" : undefined;
  if (!hasEffect(deed, machine.power)) return deed === "start" ? "running" : "stopped";
  return undefined;
}

/** The sentence for it. */
export function obstacleText(obstacle: Obstacle, deed: Deed, id: string): string {
  switch (obstacle) {
    case "right":
      return t("vms.whyRight", { action: actionOn(id, RIGHT_FOR[deed]) });
    case "watched":
      return t("vms.whyWatched");
    case "noReset":
      return t("vms.whyNoReset");
    case "unplaced":
      return t("vms.whyUnplaced");
    case "host":
      return t("vms.whyHost");
    case "running":
      return t("vms.whyRunning");
    case "stopped":
      return t("vms.whyStopped");
  }
}
