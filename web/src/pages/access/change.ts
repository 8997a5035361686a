/** Giving and taking roles. */

import { arm, VERSIONS } from "../../api/client";
import type { RoleAssignment } from "../../api/types";
import { notices } from "../../notices";
import { t } from "../../text";
import { forgetRights } from "../shared/useRights";
import type { Person } from "./directory";
import type { Grant } from "./grants";
import type { Role } from "./useAccess";

export async function give(role: Role, person: Person, scope: string): Promise<void> {
  const path = `${scope === "/" ? "" : scope}/providers/Microsoft.Authorization/roleAssignments/${crypto.randomUUID()}`;
  await notices.track(t("access.noticeAdd", { name: person.name, role: role.name }), () =>
    arm.put<RoleAssignment>(path, {
      version: VERSIONS.authorization,
      body: {
        properties: {
          roleDefinitionId: role.definition,
          principalId: person.id,
          principalType: person.kind,
        },
      },
    }),
  );
  forgetRights();
}

export async function take(grant: Grant, name: string, role: string): Promise<void> {
  await notices.track(t("access.noticeRemove", { name, role }), () =>
    arm.delete(grant.id, { version: VERSIONS.authorization }),
  );
  forgetRights();
}
