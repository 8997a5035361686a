/** Names for the ids that role assignments hold, and everybody who could get a role. */

import { arm } from "../../api/client";
import type { DirectoryObject } from "../../api/types";

/** Of one question, as in Graph. */
const MAX_IDS = 1000;

export type Kind = "User" | "ServicePrincipal";

export interface Person {
  id: string;
  name: string;
  /** The sign-in name, or the application's id. */
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

/** Everybody, people first, each by name. */
export async function everybody(signal: AbortSignal): Promise<Person[]> {
  const [users, programs] = await Promise.all([
    arm.list<DirectoryObject>("/v1.0/users", { signal }),
    arm.list<DirectoryObject>("/v1.0/servicePrincipals", { signal }),
  ]);
  return [...users.map(toPerson).sort(byName), ...programs.map(toPerson).sort(byName)];
}

export function matches(person: Person, typed: string): boolean {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const text = `${person.name} ${person.account}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

export function toPerson(found: DirectoryObject): Person {
  return {
    id: found.id,
    name: found.displayName || found.userPrincipalName || found.id,
    account: found.userPrincipalName ?? found.appId ?? "",
    kind: found.userPrincipalName === undefined ? "ServicePrincipal" : "User",
  };
}

function byName(one: Person, other: Person): number {
  return one.name.localeCompare(other.name, undefined, { numeric: true });
}
