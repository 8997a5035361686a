/** What a person wants the script that connects servers to do. */

import { isFaulty, type TagRow, tagsOf } from "../shared/tags";

export type System = "linux" | "windows";
/** A person signs in at each server, or a service principal does. */
export type SignIn = "person" | "program";

export interface Wishes {
  /** Id of the resource group; empty until there is one. */
  group: string;
  /** One of those that the subscription has; empty: that of the group. */
  location: string;
  tags: readonly TagRow[];
  system: System;
  signIn: SignIn;
  /** Application id of the service principal. */
  program: string;
  proxy: string;
}

export const NOTHING: Wishes = {
  group: "",
  location: "",
  tags: [],
  system: "linux",
  signIn: "person",
  program: "",
  proxy: "",
};

const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export type Fault = "program" | "proxy" | "tags";

/** What is wrong with the form; nothing that is only missing yet. */
export function faultsOf(wishes: Wishes): ReadonlySet<Fault> {
  const faults = new Set<Fault>();
  const program = wishes.program.trim();
  if (wishes.signIn === "program" && program && !GUID.test(program)) faults.add("program");
  if (!isProxy(wishes.proxy.trim())) faults.add("proxy");
  if (isFaulty(wishes.tags)) faults.add("tags");
  return faults;
}

/** Whether a script can be made of it. */
export function isComplete(wishes: Wishes): boolean {
  if (!wishes.group || faultsOf(wishes).size > 0) return false;
  return wishes.signIn === "person" || wishes.program.trim() !== "";
}

/** A proxy's password would be a secret in a file that is handed around. */
export function isProxy(address: string): boolean {
  if (!address) return true;
  if (!/^https?:\/\/./i.test(address) || !URL.canParse(address)) return false;
  const { username, password } = new URL(address);
  return !username && !password;
}

/** The body of the call that makes the script (docs/protocol); `place` is that of the group. */
export function bodyOf(
  wishes: Wishes,
  place: { subscription: string; group: string },
): Record<string, unknown> {
  const program = wishes.signIn === "program";
  return {
    subscription: place.subscription,
    resourceGroup: place.group,
    location: wishes.location,
    many: program,
    servicePrincipalId: program ? wishes.program.trim() : "",
    tags: tagsOf(wishes.tags),
    proxy: wishes.proxy.trim(),
    system: wishes.system,
  };
}
