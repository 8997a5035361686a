/** The machines and hosts that the search knows, over all subscriptions. */

import { arm, VERSIONS } from "../../api/client";
import type { ConnectedMachine } from "../../api/machines";
import type { Subscription, VirtualMachine } from "../../api/types";
import { loadAllInstances } from "../../pages/scaleSets/sets";
import { HYBRID_MACHINE } from "../../pages/shared/resourceId";

export interface Found {
  machines: readonly VirtualMachine[];
  hosts: readonly ConnectedMachine[];
}

/** A list this young is not asked for again. */
const FRESH_MS = 20_000;
let kept: { found: Promise<Found>; at: number } | undefined;

export function findAll(): Promise<Found> {
  const now = Date.now();
  if (kept && now - kept.at < FRESH_MS) return kept.found;
  const found = load();
  kept = { found, at: now };
  found.catch(() => {
    kept = undefined;
  });
  return found;
}

async function load(): Promise<Found> {
  const subscriptions = await arm.list<Subscription>("/subscriptions", { version: VERSIONS.resources });
  const each = await Promise.all(
    subscriptions.map(async ({ id }) => ({
      machines: await arm.list<VirtualMachine>(`${id}/providers/Microsoft.Compute/virtualMachines`, {
        version: VERSIONS.compute,
        query: { $expand: "instanceView" },
      }),
      hosts: await arm.list<ConnectedMachine>(`${id}/providers/${HYBRID_MACHINE}`, {
        version: VERSIONS.hybridCompute,
      }),
    })),
  );
  const machines = [...each.flatMap((one) => one.machines), ...(await loadAllInstances(subscriptions))];
  return { machines, hosts: each.flatMap((one) => one.hosts) };
}
