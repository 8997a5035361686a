/** Reset password: the VMAccess extension, as Azure's portal writes it. Pure. */

import type { Resource } from "../../../api/types";

/** `configuration` resets remote access and leaves every account as it is. */
export type Mode = "password" | "configuration";

export interface Wanted {
  mode: Mode;
  user: string;
  password: string;
  again: string;
}

export type Extension = Resource<{
  publisher?: string;
  type?: string;
  provisioningState?: string;
  instanceView?: { statuses?: { code: string; message?: string }[] };
}>;

export const USUAL = "enablevmaccess";
const MAX_PASSWORD = 512;
const LINUX = { publisher: "Microsoft.OSTCExtensions", type: "VMAccessForLinux", typeHandlerVersion: "1.5" };
const WINDOWS = { publisher: "Microsoft.Compute", type: "VMAccessAgent", typeHandlerVersion: "2.4" };
/** Accounts of Linux: what useradd takes. */
const LINUX_USER = /^[a-z_][a-z0-9_-]{0,31}$/;
const MAX_USER = 256;

export type Fault = "user" | "userForm" | "password" | "passwordForm" | "again";

/** The first thing that is missing or wrong; undefined when it can be sent. */
export function faultOf(wanted: Wanted, windows: boolean): Fault | undefined {
  if (wanted.mode === "configuration") return undefined;
  if (!wanted.user) return "user";
  if (windows ? wanted.user.length > MAX_USER : !LINUX_USER.test(wanted.user)) return "userForm";
  if (!wanted.password) return "password";
  if (wanted.password.length > MAX_PASSWORD || /[\0\r\n]/.test(wanted.password)) return "passwordForm";
  return wanted.password === wanted.again ? undefined : "again";
}

/** The name under which VMAccess is there already; a VM has an extension of one kind once. */
export function nameOf(extensions: readonly Extension[], windows: boolean): string {
  const wanted = windows ? WINDOWS : LINUX;
  const found = extensions.find(
    ({ properties }) =>
      properties.publisher?.toLowerCase() === wanted.publisher.toLowerCase() &&
      properties.type?.toLowerCase() === wanted.type.toLowerCase(),
  );
  return found?.name ?? USUAL;
}

/** `tag` is new each time: the same settings written twice are otherwise done once. */
export function bodyOf(wanted: Wanted, windows: boolean, location: string | undefined, tag: string): object {
  const { user, password } = wanted;
  const only = wanted.mode === "configuration";
  const settings = windows && !only ? { UserName: user } : {};
  let secret: object = only ? {} : { Password: password };
  if (!windows) secret = only ? { reset_ssh: true } : { username: user, password };
  return {
    location,
    properties: {
      ...(windows ? WINDOWS : LINUX),
      autoUpgradeMinorVersion: true,
      forceUpdateTag: tag,
      settings,
      protectedSettings: secret,
    },
  };
}
