/** Scale sets and their instances, read; and instances brought to what their set now says. */

import { arm, VERSIONS } from "../../api/client";
import type { Observation, ScaleSet, Subscription, VirtualMachine } from "../../api/types";
import { t } from "../../text";
import {
  instanceOf,
  type Place,
  placeOf,
  SCALE_SET,
  setId,
  setOf,
  setPath,
  vmPath,
} from "../shared/resourceId";

export interface SetListing {
  subscriptions: readonly Subscription[];
  sets: readonly ScaleSet[];
}

/** Throws ApiError. */
export async function loadSets(signal?: AbortSignal): Promise<SetListing> {
  const subscriptions = await arm.list<Subscription>("/subscriptions", {
    version: VERSIONS.resources,
    signal,
  });
  return { subscriptions, sets: await setsOf(subscriptions, signal) };
}

/** Every instance of every scale set. Throws ApiError. */
export async function loadAllInstances(
  subscriptions: readonly Subscription[],
  signal?: AbortSignal,
): Promise<VirtualMachine[]> {
  const sets = await setsOf(subscriptions, signal);
  return (await Promise.all(sets.map((set) => loadInstances(set.id, signal)))).flat();
}

/** With what is seen of each at this moment. Throws ApiError. */
export function loadInstances(set: string, signal?: AbortSignal): Promise<VirtualMachine[]> {
  return arm.list<VirtualMachine>(`${set}/virtualMachines`, {
    version: VERSIONS.compute,
    query: { $expand: "instanceView" },
    signal,
  });
}

/** Throws ApiError. */
export function loadSet(place: Place, signal?: AbortSignal): Promise<ScaleSet> {
  return arm.get<ScaleSet>(setId(place), { version: VERSIONS.compute, signal });
}

/** Bring instances to the latest model; they start anew where that is what it takes. Throws ApiError. */
export function upgrade(set: Place, numbers: readonly string[]): Promise<Observation | undefined> {
  const [only] = numbers;
  const one = only !== undefined && numbers.length === 1 ? instanceOf(set, only) : undefined;
  const subject = one ? { name: one.name, href: vmPath(one) } : { name: set.name, href: setPath(set) };
  return arm.begin<Observation | undefined>(`${setId(set)}/manualUpgrade`, {
    version: VERSIONS.compute,
    body: { instanceIds: numbers },
    title: t("scaleSets.noticeUpgrade", { count: numbers.length, name: subject.name }),
    subject,
  });
}

/** One instance, by its id; nothing happens to what is none. Throws ApiError. */
export async function upgradeOne(id: string): Promise<void> {
  const place = placeOf(id);
  const set = setOf(place);
  if (set && place.instance) await upgrade(set, [place.instance.number]);
}

/** The numbers of those that lack the latest model. */
export function staleNumbers(instances: readonly VirtualMachine[]): string[] {
  return instances
    .filter((each) => each.properties.latestModelApplied === false)
    .map((each) => placeOf(each.id).instance?.number ?? "");
}

async function setsOf(subscriptions: readonly Subscription[], signal?: AbortSignal): Promise<ScaleSet[]> {
  const lists = await Promise.all(
    subscriptions.map(({ id }) =>
      arm.list<ScaleSet>(`${id}/providers/${SCALE_SET}`, { version: VERSIONS.compute, signal }),
    ),
  );
  return lists.flat();
}
