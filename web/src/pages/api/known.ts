/** Names that parameters may take: what there is in the caller's subscriptions. */

import { arm, VERSIONS } from "../../api/client";
import type { Resource, Subscription } from "../../api/types";
import { findAll } from "../../frame/search/found";
import type { Parameter } from "./openapi";

export interface Suggestion {
  value: string;
  /** Said beside a value that says nothing by itself. */
  label?: string;
}

export interface Known {
  tenantId: string;
  subscriptions: readonly Suggestion[];
  groups: readonly Suggestion[];
  machines: readonly Suggestion[];
  hosts: readonly Suggestion[];
}

/** What cannot be listed is left out: suggestions are a help, not a condition. */
export async function loadKnown(tenantId: string, signal: AbortSignal): Promise<Known> {
  const [subscriptions, found] = await Promise.all([
    arm.list<Subscription>("/subscriptions", { version: VERSIONS.resources, signal }).catch(() => []),
    findAll().catch(() => ({ machines: [], hosts: [] })),
  ]);
  const groups = await Promise.all(
    subscriptions.map(({ id }) =>
      arm.list<Resource>(`${id}/resourceGroups`, { version: VERSIONS.resources, signal }).catch(() => []),
    ),
  );
  return {
    tenantId,
    subscriptions: subscriptions.map((each) => ({ value: each.subscriptionId, label: each.displayName })),
    groups: groups.flat().map((each) => ({ value: each.name })),
    machines: found.machines.map((each) => ({ value: each.name })),
    hosts: found.hosts.map((each) => ({ value: each.name })),
  };
}

export function suggestionsFor({ name, in: where }: Parameter, known: Known): readonly Suggestion[] {
  if (where !== "path") return [];
  switch (name.toLowerCase()) {
    case "tenant":
      return [{ value: known.tenantId }];
    case "subscriptionid":
      return known.subscriptions;
    case "resourcegroupname":
      return known.groups;
    case "virtualmachinename":
      return known.machines;
    case "machinename":
      return known.hosts;
    case "scope":
      return known.subscriptions.map(({ value, ...rest }) => ({ value: `subscriptions/${value}`, ...rest }));
    default:
      return [];
  }
}

/** A value that can be meant: the only one there is, or for a subscription the first. */
export function guess(parameter: Parameter, known: Known): string {
  const [first, ...others] = suggestionsFor(parameter, known);
  const obvious = others.length === 0 || /^(?:subscriptionid|scope)$/i.test(parameter.name);
  return first && obvious ? first.value : "";
}
