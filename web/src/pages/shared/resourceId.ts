/** Resource ids, taken apart and put together. They compare without case; that form is a resource's key. */

export interface Place {
  subscription: string;
  group: string;
  name: string;
}

export const COMPUTE_VM = "Microsoft.Compute/virtualMachines";

/** The subscription, group and last name of an id; parts that it does not have are empty. */
export function placeOf(id: string): Place {
  const parts = id.split("/").filter(Boolean);
  const after = (word: string): string => {
    const at = parts.findIndex((part, index) => index % 2 === 0 && part.toLowerCase() === word);
    return at < 0 ? "" : (parts[at + 1] ?? "");
  };
  return {
    subscription: after("subscriptions"),
    group: after("resourcegroups"),
    name: parts.at(-1) ?? "",
  };
}

export function keyOf(id: string): string {
  return id.toLowerCase();
}

export function groupScope(place: Pick<Place, "subscription" | "group">): string {
  return `/subscriptions/${place.subscription}/resourceGroups/${place.group}`;
}

export function vmId(place: Place): string {
  return `${groupScope(place)}/providers/${COMPUTE_VM}/${place.name}`;
}

/** A VM's serial port, or an action of it. */
export function portOf(vm: string, action = ""): string {
  return `${vm}/providers/Microsoft.SerialConsole/serialPorts/0${action && `/${action}`}`;
}

/** The page of a VM inside the portal. */
export function vmPath(place: Place, page = ""): string {
  const parts = [place.subscription, place.group, place.name].map(encodeURIComponent);
  return `/vms/${parts.join("/")}${page && `/${page}`}`;
}
