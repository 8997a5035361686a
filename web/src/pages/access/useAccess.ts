import { useCallback } from "react";
import { arm, VERSIONS } from "../../api/client";
import { isAbort } from "../../api/errors";
import type { RoleAssignment, RoleDefinition } from "../../api/types";
import { type Polled, usePoll } from "../../components";
import { namesOf, type Person } from "./directory";
import { type Grant, roleOf, toGrant } from "./grants";

const SECONDS = 15;
const AUTHORIZATION = "providers/Microsoft.Authorization";

export interface Role {
  /** Lower-case GUID. */
  id: string;
  definition: string;
  name: string;
  description: string;
}

export interface Access {
  grants: readonly Grant[];
  /** By lower-case GUID, in the control plane's order. */
  roles: ReadonlyMap<string, Role>;
  people: ReadonlyMap<string, Person>;
}

/** Who has which role at a scope or above it. */
export function useAccess(scope: string): Polled<Access> {
  const load = useCallback((signal: AbortSignal) => loadAccess(scope, signal), [scope]);
  return usePoll(load, SECONDS);
}

async function loadAccess(scope: string, signal: AbortSignal): Promise<Access> {
  const options = { version: VERSIONS.authorization, signal };
  const [assignments, definitions] = await Promise.all([
    arm.list<RoleAssignment>(`${scope}/${AUTHORIZATION}/roleAssignments`, {
      ...options,
      query: { $filter: "atScope()" },
    }),
    arm.list<RoleDefinition>(`${scope}/${AUTHORIZATION}/roleDefinitions`, options),
  ]);
  const grants = assignments.map((each) => toGrant(each, scope));
  const ids = new Set(grants.flatMap((grant) => [grant.principal, grant.createdBy]).filter(Boolean));
  return { grants, roles: rolesOf(definitions), people: await namesIfAny([...ids], signal) };
}

export function rolesOf(definitions: readonly RoleDefinition[]): ReadonlyMap<string, Role> {
  return new Map(
    definitions.map(({ id, properties }) => [
      roleOf(id),
      { id: roleOf(id), definition: id, name: properties.roleName, description: properties.description },
    ]),
  );
}

/** Roles are shown even when the directory does not answer: by ids. */
async function namesIfAny(ids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Person>> {
  try {
    return await namesOf(ids, signal);
  } catch (thrown) {
    if (isAbort(thrown)) throw thrown;
    return new Map();
  }
}
