/** A connected machine as its row shows it. */

import type { ConnectedMachine, MachineProperties } from "../../api/machines";
import { keyOf, placeOf } from "../shared/resourceId";
import { type State, stateOf } from "./state";

export interface Server {
  id: string;
  /** The id in the form that compares. */
  key: string;
  name: string;
  subscription: string;
  group: string;
  location: string;
  state: State;
  /** ISO: in this state since; empty when nobody said. */
  since: string;
  /** ISO: last heard; empty when it never was, or nobody said. */
  heartbeat: string;
  /** Version of its agent; empty when it has not said, as what follows. */
  agent: string;
  os: string;
  /** `name=value`, or only the name of one without a value; in order. */
  tags: readonly string[];
  /** VMs it hosts; undefined when it has not said. */
  vms: number | undefined;
  /** Its own policy lets nobody type. */
  monitor: boolean;
  /** ISO: the end of its certificate; empty when it has none that ends. */
  expires: string;
  /** It says that something is wrong. */
  errors: number;
}

export function toServer(resource: ConnectedMachine): Server {
  const { properties, tags = {} } = resource;
  const { subscription, group } = placeOf(resource.id);
  const own = properties.outofband;
  return {
    id: resource.id,
    key: keyOf(resource.id),
    name: resource.name,
    subscription,
    group,
    location: resource.location ?? "",
    state: stateOf(resource),
    since: properties.lastStatusChange ?? "",
    heartbeat: own?.lastHeartbeat ?? "",
    agent: properties.agentVersion ?? "",
    os: osWord(properties) || (properties.osType ?? ""),
    tags: Object.keys(tags)
      .sort()
      .map((name) => (tags[name] ? `${name}=${tags[name]}` : name)),
    vms: own?.virtualMachines,
    monitor: own?.monitor ?? false,
    expires: own?.renews === false ? "" : (own?.certificateExpires ?? ""),
    errors: properties.errorDetails?.length ?? 0,
  };
}

/** Name and version of its system; many names tell the version already. */
export function osWord({ osName = "", osVersion = "" }: MachineProperties): string {
  return osName.includes(osVersion) ? osName : `${osName} ${osVersion}`.trim();
}

const DAY_MS = 86_400_000;
/** The control plane warns this long before a certificate's end; an agent that works has renewed long before. */
const WARN_DAYS = 14;

export type Ending = "none" | "far" | "near" | "over";

/** How far the end of a certificate is. */
export function endingOf(expires: string, now: number = Date.now()): Ending {
  const end = Date.parse(expires);
  if (Number.isNaN(end)) return "none";
  if (end <= now) return "over";
  return end - now < WARN_DAYS * DAY_MS ? "near" : "far";
}
