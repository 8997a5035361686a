/** Which machines have come, or have been connected, since somebody began to wait. */

import type { Server } from "../machines/server";
import type { State } from "../machines/state";

/** State by key, at the moment when the waiting began. */
export type Before = ReadonlyMap<string, State>;

export function before(servers: readonly Server[]): Before {
  return new Map(servers.map((each) => [each.key, each.state]));
}

/** Those of a resource group (its id) that were not there, or are connected and were not; the newest first. */
export function arrivals(servers: readonly Server[], was: Before, group: string): Server[] {
  const scope = `${group.toLowerCase()}/`;
  return servers
    .filter((each) => each.key.startsWith(scope))
    .filter((each) => {
      const then = was.get(each.key);
      return then === undefined || (each.state === "connected" && then !== "connected");
    })
    .sort((one, other) => other.since.localeCompare(one.since));
}
