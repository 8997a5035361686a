/** Dutch, area by area as in English. */

import type { Catalogue } from "..";
import { access } from "./access";
import { activity } from "./activity";
import { api } from "./api";
import { classic } from "./classic";
import { clients } from "./clients";
import { common } from "./common";
import { consoles } from "./console";
import { directory } from "./directory";
import { explain } from "./explain";
import { frame } from "./frame";
import { groups } from "./groups";
import { identity } from "./identity";
import { machine } from "./machine";
import { machines } from "./machines";
import { nic } from "./nic";
import { onboard } from "./onboard";
import { policy } from "./policy";
import { rescue } from "./rescue";
import { scaleSets } from "./scaleSets";
import { sessions } from "./sessions";
import { subscription } from "./subscription";
import { support } from "./support";
import { users } from "./users";
import { vm } from "./vm";
import { vms } from "./vms";

export const dutch = {
  access,
  activity,
  api,
  classic,
  clients,
  common,
  console: consoles,
  directory,
  explain,
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
  sessions,
  subscription,
  support,
  users,
  vm,
  vms,
} satisfies { readonly [Area in keyof Catalogue]: unknown };
