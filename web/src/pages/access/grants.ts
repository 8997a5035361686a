/** Role assignments as the access page groups them, and what taking one away would do. */

import type { RoleAssignment } from "../../api/types";
import { placeOf } from "../shared/resourceId";

/** From near to far: where a role was given. `inside` is below the page's scope and not shown there. */
export const LEVELS = ["here", "group", "subscription", "root"] as const;
export type Level = (typeof LEVELS)[number];

export const OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";

export interface Grant {
  id: string;
  /** The GUID of the role definition, lower case. */
  role: string;
  principal: string;
  /** `User` or `ServicePrincipal`. */
  kind: string;
  scope: string;
  level: Level;
  createdOn: string;
  createdBy: string;
}

export function toGrant(assignment: RoleAssignment, scope: string): Grant {
  const { roleDefinitionId, principalId, principalType, createdOn, createdBy } = assignment.properties;
  const given = assignment.properties.scope;
  return {
    id: assignment.id,
    role: roleOf(roleDefinitionId),
    principal: principalId,
    kind: principalType,
    scope: given,
    level: levelOf(given, scope),
    createdOn: createdOn ?? "",
    createdBy: createdBy ?? "",
  };
}

/** The GUID at the end of a role definition's id. */
export function roleOf(definition: string): string {
  return (definition.split("/").filter(Boolean).at(-1) ?? definition).toLowerCase();
}

export function levelOf(given: string, scope: string): Level {
  if (trim(given) === trim(scope)) return "here";
  const place = placeOf(given);
  if (!place.subscription) return "root";
  return place.group ? "group" : "subscription";
}

/** Grants by where they come from; levels without any are left out. */
export function byLevel(grants: readonly Grant[]): { level: Level; grants: Grant[] }[] {
  return LEVELS.map((level) => ({ level, grants: grants.filter((grant) => grant.level === level) })).filter(
    (group) => group.grants.length > 0,
  );
}

export interface Warnings {
  /** It is the caller's own. */
  self: boolean;
  /** Nobody else would be Owner here, by what is given here or above. */
  lastOwner: boolean;
}

export function warningsFor(grant: Grant, all: readonly Grant[], me: string): Warnings {
  const owners = all.filter((each) => each.role === OWNER && each.id !== grant.id);
  return { self: grant.principal === me, lastOwner: grant.role === OWNER && owners.length === 0 };
}

function trim(scope: string): string {
  return scope.toLowerCase().replace(/\/+$/, "");
}
