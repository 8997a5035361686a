/** Every text a person sees, by key: `t("vms.title")`. Keys and their values are checked by the compiler. */

import { type Arguments, fill, type Messages } from "./catalogue";
import { access } from "./en/access";
import { activity } from "./en/activity";
import { api } from "./en/api";
import { classic } from "./en/classic";
import { clients } from "./en/clients";
import { common } from "./en/common";
import { consoles } from "./en/console";
import { directory } from "./en/directory";
import { explain } from "./en/explain";
import { frame } from "./en/frame";
import { groups } from "./en/groups";
import { identity } from "./en/identity";
import { machine } from "./en/machine";
import { machines } from "./en/machines";
import { nic } from "./en/nic";
import { onboard } from "./en/onboard";
import { policy } from "./en/policy";
import { rescue } from "./en/rescue";
import { scaleSets } from "./en/scaleSets";
import { sessions } from "./en/sessions";
import { subscription } from "./en/subscription";
import { support } from "./en/support";
import { users } from "./en/users";
import { vm } from "./en/vm";
import { vms } from "./en/vms";
import { habits, spoken } from "./language";

export { ago, clockTime, day, full, list, localTimes, number, utc } from "./dates";

export const english = {
  access,
  activity,
  api,
  classic,
  clients,
  common,
  console: consoles,
  directory,
  frame,
  groups,
  identity,
  machine,
  machines,
  nic,
  onboard,
  policy,
  rescue,
  scaleSets,
  explain,
  sessions,
  subscription,
  support,
  users,
  vm,
  vms,
};

export type Catalogue = typeof english;
type Area = keyof Catalogue & string;
export type Key = { [A in Area]: `${A}.${keyof Catalogue[A] & string}` }[Area];
type MessageOf<K extends Key> = K extends `${infer A}.${infer Name}`
  ? A extends Area
    ? Name extends keyof Catalogue[A]
      ? Catalogue[A][Name]
      : never
    : never
  : never;

/** Keys of messages without a placeholder. */
export type PlainKey = {
  [K in Key]: Arguments<MessageOf<K>> extends readonly [] ? K : never;
}[Key];

const messages: Readonly<Record<string, Messages>> = english;

/** In the language that is spoken; each has words for every key (see `inWordsOf`). */
export function t<K extends Key>(key: K, ...values: Arguments<MessageOf<K>>): string {
  const dot = key.indexOf(".");
  const area = key.slice(0, dot);
  const name = key.slice(dot + 1);
  const { words = messages } = spoken.get();
  const message = words[area]?.[name];
  return message === undefined ? key : fill(message, values[0] ?? {}, habits());
}
