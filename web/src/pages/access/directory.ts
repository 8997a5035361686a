/** Names for the ids that role assignments hold, and everybody who could get a role. */

import { arm } from "../../api/client";
import type { DirectoryObject } from "../../api/types";
import { mentions } from "../shared/listView";

/** Of one question, as in Graph. */
const MAX_IDS = 1000;

export type Kind = "User" | "Group" | "ServicePrincipal";

export interface Person {
  id: string;
  name: string;
  /** The sign-in name, or the application's id; empty for a group. */
  account: string;
  kind: Kind;
}

/** Those of `ids` that the directory knows, by id. Whoever may not read it sees ids. */
export async function namesOf(
  ids: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, Person>> {
  if (ids.length === 0) return new Map();
  const answer = await arm.post<{ value: DirectoryObject[] }>("/v1.0/directoryObjects/getByIds", {
    body: { ids: ids.slice(0, MAX_IDS) },
    signal,
  });
  return new Map(answer.value.map((found) => [found.id, toPerson(found)]));
}

/** Everybody, people first, then groups, each by name. */
export async function everybody(signal: AbortSignal): Promise<Person[]> {
  const every = await Promise.all([
    arm.list<DirectoryObject>("/v1.0/users", { signal }),
    arm.list<DirectoryObject>("/v1.0/groups", { signal }),
    arm.list<DirectoryObject>("/v1.0/servicePrincipals", { signal }),
  ]);
  return every.flatMap((some) => some.map(toPerson).sort(byName));
}

export function matches(person: Person, typed: string): boolean {
  return mentions(`${person.name} ${person.account}`, typed);
}

export function toPerson(found: DirectoryObject): Person {
  return {
    id: found.id,
    name: found.displayName || found.userPrincipalName || found.id,
    account: found.userPrincipalName ?? found.appId ?? "",
    kind: kindOf(found),
  };
}

/** By what only one kind has: lists do not name it. */
function kindOf(found: DirectoryObject): Kind {
  if (found.userPrincipalName !== undefined) return "User";
  return found.securityEnabled === undefined ? "ServicePrincipal" : "Group";
}

export function byName(one: Person, other: Person): number {
  return one.name.localeCompare(other.name, undefined, { numeric: true });
}
