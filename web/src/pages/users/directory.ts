/** The people of the tenant, through the directory's doors. */

import { arm, VERSIONS } from "../../api/client";
import type { Tenant, User } from "../../api/types";
import { notices } from "../../notices";
import { t } from "../../text";
import type { Shown } from "../shared/OnceShown";

export interface People {
  users: readonly User[];
  /** What a name without `@` is completed with; empty when it is not known. */
  domain: string;
}

/** A password that the control plane made: told once, kept nowhere. */
export interface Made {
  userName: string;
  password: string;
}

export async function loadPeople(signal: AbortSignal): Promise<People> {
  const [users, tenants] = await Promise.all([
    arm.list<User>("/v1.0/users", { signal }),
    arm.list<Tenant>("/tenants", { version: VERSIONS.resources, signal }),
  ]);
  return { users, domain: tenants[0]?.defaultDomain ?? "" };
}

/** Without a password of their own: the control plane makes one that has to be changed at the first sign-in. */
export async function addUser(userName: string, displayName: string): Promise<Made> {
  const made = await notices.track(t("users.noticeAdd", { name: userName }), () =>
    arm.post<User>("/v1.0/users", {
      body: {
        userPrincipalName: userName,
        displayName: displayName || userName,
        accountEnabled: true,
        passwordProfile: { forceChangePasswordNextSignIn: true },
      },
    }),
  );
  return { userName: made.userPrincipalName, password: made.passwordProfile?.password ?? "" };
}

export async function resetPassword(user: User): Promise<Made> {
  const answer = await notices.track(t("users.noticeReset", { name: user.userPrincipalName }), () =>
    arm.patch<User>(pathOf(user), { body: { passwordProfile: { forceChangePasswordNextSignIn: true } } }),
  );
  return { userName: user.userPrincipalName, password: answer.passwordProfile?.password ?? "" };
}

export function setEnabled(user: User, enabled: boolean): Promise<void> {
  const title = enabled ? "users.noticeEnable" : "users.noticeDisable";
  return notices.track(t(title, { name: user.userPrincipalName }), () =>
    arm.patch<void>(pathOf(user), { body: { accountEnabled: enabled } }),
  );
}

export function removeUser(user: User): Promise<void> {
  return notices.track(t("users.noticeRemove", { name: user.userPrincipalName }), () =>
    arm.delete(pathOf(user)),
  );
}

/** For the dialog that shows a new password. */
export function passwordShown({ userName, password }: Made): Shown {
  return {
    title: t("users.passwordTitle", { name: userName }),
    values: [{ label: t("users.password"), value: password }],
    next: t("users.passwordNext"),
  };
}

/** The page of somebody. */
export function userPath(user: Pick<User, "userPrincipalName">): string {
  return `/identity/users/${encodeURIComponent(user.userPrincipalName)}`;
}

/** People who can sign in first, then by name. */
export function inOrder(users: readonly User[]): User[] {
  return [...users].sort(
    (one, other) =>
      Number(one.accountEnabled === false) - Number(other.accountEnabled === false) ||
      one.userPrincipalName.localeCompare(other.userPrincipalName),
  );
}

function pathOf(user: User): string {
  return `/v1.0/users/${encodeURIComponent(user.id)}`;
}
