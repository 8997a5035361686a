/** Resource ids, taken apart and put together. They compare without case; that form is a resource's key. */

export interface Place {
  subscription: string;
  group: string;
  /** An instance of a scale set has the set's name in front, as its machine on the host. */
  name: string;
  /** Only of an instance of a scale set. */
  instance?: { set: string; number: string };
}

export const COMPUTE_VM = "Microsoft.Compute/virtualMachines";
/** A connected machine: a server or a VM host with an agent. */
export const HYBRID_MACHINE = "Microsoft.HybridCompute/machines";
export const SCALE_SET = "Microsoft.Compute/virtualMachineScaleSets";

/** The subscription, group and last name of an id; parts that it does not have are empty. */
export function placeOf(id: string): Place {
  const parts = id.split("/").filter(Boolean);
  const after = (word: string): string => {
    const at = parts.findIndex((part, index) => index % 2 === 0 && part.toLowerCase() === word);
    return at < 0 ? "" : (parts[at + 1] ?? "");
  };
  const place = { subscription: after("subscriptions"), group: after("resourcegroups") };
  const last = parts.at(-1) ?? "";
  const set = after("virtualmachinescalesets");
  if (set && after("virtualmachines") && parts.at(-2)?.toLowerCase() === "virtualmachines") {
    return instanceOf({ ...place, name: set }, last);
  }
  return { ...place, name: last };
}

/** One of the machines of a scale set. */
export function instanceOf(set: Place, number: string): Place {
  const { subscription, group, name } = set;
  return { subscription, group, name: `${name}_${number}`, instance: { set: name, number } };
}

/** The machine that an address of the portal names: `/vms/:sub/:group/:name` or `/scale-sets/:sub/:group/:name/:number`. */
export function placeIn(address: Readonly<Record<string, string | undefined>>): Place {
  const { sub = "", group = "", name = "", number } = address;
  const place = { subscription: sub, group, name };
  return number === undefined ? place : instanceOf(place, number);
}

/** The scale set of an instance. */
export function setOf(place: Place): Place | undefined {
  const { subscription, group, instance } = place;
  return instance && { subscription, group, name: instance.set };
}

export function keyOf(id: string): string {
  return id.toLowerCase();
}

export function groupScope(place: Pick<Place, "subscription" | "group">): string {
  return `/subscriptions/${place.subscription}/resourceGroups/${place.group}`;
}

export function vmId(place: Place): string {
  const set = setOf(place);
  if (set) return `${setId(set)}/virtualMachines/${place.instance?.number}`;
  return `${groupScope(place)}/providers/${COMPUTE_VM}/${place.name}`;
}

export function setId(place: Place): string {
  return `${groupScope(place)}/providers/${SCALE_SET}/${place.name}`;
}

export function machineId(place: Place): string {
  return `${groupScope(place)}/providers/${HYBRID_MACHINE}/${place.name}`;
}

/** Whether an id is that of a connected machine, not of a VM. */
export function isMachine(id: string): boolean {
  return id.toLowerCase().includes(`/providers/${HYBRID_MACHINE.toLowerCase()}/`);
}

/** The serial port of a VM or of a connected machine, or an action of it. */
export function portOf(owner: string, action = ""): string {
  return `${owner}/providers/Microsoft.SerialConsole/serialPorts/0${action && `/${action}`}`;
}

/** The page of a VM inside the portal. */
export function vmPath(place: Place, page = ""): string {
  const { subscription, group, name, instance } = place;
  const below = page && `/${page}`;
  if (instance) return `/scale-sets/${address(subscription, group, instance.set, instance.number)}${below}`;
  return `/vms/${address(subscription, group, name)}${below}`;
}

/** The page of a connected machine. */
export function machinePath({ subscription, group, name }: Place, page = ""): string {
  return `/machines/${address(subscription, group, name)}${page && `/${page}`}`;
}

/** The page of whatever has a console, by its id. */
export function ownerPath(id: string, page = ""): string {
  return isMachine(id) ? machinePath(placeOf(id), page) : vmPath(placeOf(id), page);
}

/** The page of a scale set. */
export function setPath({ subscription, group, name }: Place): string {
  return `/scale-sets/${address(subscription, group, name)}`;
}

function address(...parts: readonly string[]): string {
  return parts.map(encodeURIComponent).join("/");
}
