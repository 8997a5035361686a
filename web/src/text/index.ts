/** Every text a person sees, by key: `t("vms.title")`. Keys and their values are checked by the compiler. */

import { type Arguments, fill, type Messages } from "./catalogue";
import { access } from "./en/access";
import { activity } from "./en/activity";
import { api } from "./en/api";
import { clients } from "./en/clients";
import { common } from "./en/common";
import { consoles } from "./en/console";
import { directory } from "./en/directory";
import { frame } from "./en/frame";
import { groups } from "./en/groups";
import { hosts } from "./en/hosts";
import { identity } from "./en/identity";
import { policy } from "./en/policy";
import { scaleSets } from "./en/scaleSets";
import { sessions } from "./en/sessions";
import { subscription } from "./en/subscription";
import { users } from "./en/users";
import { vm } from "./en/vm";
import { vms } from "./en/vms";
import { french } from "./fr";
import { type Locale, locale } from "./language";
import { dutch } from "./nl";

export { ago, clockTime, day, full, localTimes, number, utc } from "./dates";

const english = {
  access,
  activity,
  api,
  clients,
  common,
  console: consoles,
  directory,
  frame,
  groups,
  hosts,
  identity,
  policy,
  scaleSets,
  sessions,
  subscription,
  users,
  vm,
  vms,
};

type Catalogue = typeof english;
type Area = keyof Catalogue & string;
export type Key = { [A in Area]: `${A}.${keyof Catalogue[A] & string}` }[Area];
type MessageOf<K extends Key> = K extends `${infer A}.${infer Name}`
  ? A extends Area
    ? Name extends keyof Catalogue[A]
      ? Catalogue[A][Name]
      : never
    : never
  : never;

const messages: Record<string, Messages> = english;
/** What a language has words for; the rest is in English. */
const others: Readonly<Record<Locale, Readonly<Record<string, Messages>>>> = {
  en: {},
  fr: french,
  nl: dutch,
};

/** Plural forms are those of the message's language. Dates and numbers follow the reader's own settings. */
export function t<K extends Key>(key: K, ...values: Arguments<MessageOf<K>>): string {
  const dot = key.indexOf(".");
  const area = key.slice(0, dot);
  const name = key.slice(dot + 1);
  const spoken = locale();
  const own = others[spoken][area]?.[name];
  const message = own ?? messages[area]?.[name];
  return message === undefined ? key : fill(message, values[0] ?? {}, own === undefined ? "en" : spoken);
}
