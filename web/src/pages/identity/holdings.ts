/** What somebody has: roles of their own and by groups, and the groups. */

import { arm, VERSIONS } from "../../api/client";
import type { RoleAssignment, RoleDefinition } from "../../api/types";
import { namesOf, type Person } from "../access/directory";
import { type Grant, toGrant } from "../access/grants";
import { type Access, rolesOf } from "../access/useAccess";

const AUTHORIZATION = "/providers/Microsoft.Authorization";

export interface Holdings extends Access {
  /** Given to the principal itself, and to groups that it is in. */
  own: readonly Grant[];
  byGroup: readonly Grant[];
}

export async function holdingsOf(id: string, signal?: AbortSignal): Promise<Holdings> {
  const options = { version: VERSIONS.authorization, signal };
  const [assignments, definitions] = await Promise.all([
    arm.list<RoleAssignment>(`${AUTHORIZATION}/roleAssignments`, {
      ...options,
      query: { $filter: `assignedTo('${id}')` },
    }),
    arm.list<RoleDefinition>(`${AUTHORIZATION}/roleDefinitions`, options),
  ]);
  const grants = assignments.map((each) => toGrant(each, "/"));
  const own = grants.filter((grant) => grant.principal === id);
  const byGroup = grants.filter((grant) => grant.principal !== id);
  const people = await namesOf([...new Set(byGroup.map((grant) => grant.principal))], signal);
  return { grants, own, byGroup, roles: rolesOf(definitions), people };
}

/** The groups that somebody is in, through others too, by name. */
export async function groupsOf(id: string, signal?: AbortSignal): Promise<Person[]> {
  const path = `/v1.0/directoryObjects/${encodeURIComponent(id)}/getMemberGroups`;
  const found = await arm.post<{ value: string[] }>(path, {
    body: { securityEnabledOnly: true },
    signal,
  });
  const names = await namesOf(found.value, signal);
  return [...names.values()].sort((one, other) => one.name.localeCompare(other.name));
}
