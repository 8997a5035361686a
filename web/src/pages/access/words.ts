/** Scopes, roles and people in words. */

import { t } from "../../text";
import { placeOf } from "../shared/resourceId";
import type { Grant, Level } from "./grants";
import type { Access } from "./useAccess";

/** Names of subscriptions by their id. */
export type Names = ReadonlyMap<string, string>;

export function levelWords(level: Level, scope: string, names: Names): string {
  const { group, subscription } = placeOf(scope);
  switch (level) {
    case "here":
      return t("access.here");
    case "group":
      return t("access.group", { name: group });
    case "subscription":
      return t("access.subscription", { name: names.get(subscription) ?? subscription });
    case "root":
      return t("access.root");
  }
}

/** The last name of a scope; the whole control plane for `/`. */
export function scopeWords(scope: string, names: Names): string {
  const { name } = placeOf(scope);
  return names.get(name) ?? (name || t("access.whereRoot"));
}

/** A person's name; the id when the directory has none. */
export function nameFor(access: Access, id: string): string {
  return access.people.get(id)?.name ?? id;
}

export function roleName(access: Access, grant: Grant): string {
  return access.roles.get(grant.role)?.name ?? grant.role;
}
