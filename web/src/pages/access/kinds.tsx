import { AppGenericRegular, PeopleTeamRegular, PersonRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import type { Key } from "../../text";
import type { Kind } from "./directory";

/** Kinds in the order in which they are offered. */
export const ORDER: readonly Kind[] = ["User", "Group", "ServicePrincipal"];

/** How each kind of holder of a role is called and drawn. */
export const KINDS = {
  User: { one: "access.user", many: "access.users", icon: <PersonRegular /> },
  Group: { one: "access.principalGroup", many: "access.groups", icon: <PeopleTeamRegular /> },
  ServicePrincipal: {
    one: "access.servicePrincipal",
    many: "access.servicePrincipals",
    icon: <AppGenericRegular />,
  },
} as const satisfies Record<Kind, { one: Key; many: Key; icon: ReactNode }>;
