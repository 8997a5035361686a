import type { Person } from "../access/directory";

/** The page of somebody that a role or a group can have. */
export function pagePath({ kind, id, account }: Person): string {
  switch (kind) {
    case "User":
      return `/identity/users/${encodeURIComponent(account)}`;
    case "Group":
      return `/identity/groups/${encodeURIComponent(id)}`;
    case "ServicePrincipal":
      return `/identity/clients/${encodeURIComponent(account)}`;
  }
}
