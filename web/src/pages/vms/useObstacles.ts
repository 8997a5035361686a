import { useCallback, useMemo } from "react";
import { useRights } from "../shared/useRights";
import type { Machine } from "./machine";
import { DEEDS, type Deed, type Obstacle, obstacleTo, RIGHT_FOR } from "./obstacles";

/** More single machines than this are not asked about beforehand. */
const CLOSELY = 50;

/** What is in the way of a deed on a machine. */
export type Obstacles = (deed: Deed, machine: Machine) => Obstacle | undefined;

/**
 * Rights are asked for by subscription; only where that is not enough, for each of the machines looked at more closely, since a
 * role may be given on a single one.
 */
export function useObstacles(machines: readonly Machine[], closely: readonly Machine[]): Obstacles {
  const subscriptions = useMemo(() => [...new Set(machines.map(subscriptionOf))], [machines]);
  const above = useRights(subscriptions);
  const lacking = closely
    .filter((machine) => DEEDS.some((deed) => !above(subscriptionOf(machine), RIGHT_FOR[deed], machine.id)))
    .slice(0, CLOSELY);
  const own = useRights(lacking.map((machine) => machine.id));
  return useCallback(
    (deed, machine) => {
      const right = RIGHT_FOR[deed];
      const allowed = above(subscriptionOf(machine), right, machine.id) || own(machine.id, right);
      return obstacleTo(deed, machine, allowed);
    },
    [above, own],
  );
}

function subscriptionOf(machine: Machine): string {
  return `/subscriptions/${machine.subscription}`;
}
