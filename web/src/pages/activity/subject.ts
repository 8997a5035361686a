/** What an entry of the activity log is about, as a person thinks of it: the machine, not the port on it. */

import {
  COMPUTE_VM,
  HYBRID_MACHINE,
  machinePath,
  placeOf,
  SCALE_SET,
  setPath,
  vmPath,
} from "../shared/resourceId";

export interface Subject {
  name: string;
  /** Its page inside the portal; absent when it has none. */
  href?: string;
}

const MARK = "/providers/";
/** Types that say something about the scope they hang on. */
const ABOUT_SCOPE = /\/(roleassignments|consoleservices|permissions)\//i;

export function subjectOf(resource: string): Subject {
  const at = resource.toLowerCase().lastIndexOf(MARK);
  const parent = at < 0 ? "" : resource.slice(0, at);
  const isExtension =
    parent.toLowerCase().includes(MARK) || ABOUT_SCOPE.test(resource.slice(Math.max(at, 0)));
  const id = isExtension ? parent : resource;
  const place = placeOf(id);
  const type = typeOf(id);
  if (type === COMPUTE_VM.toLowerCase() || place.instance) return { name: place.name, href: vmPath(place) };
  if (type === SCALE_SET.toLowerCase()) return { name: place.name, href: setPath(place) };
  if (type === HYBRID_MACHINE.toLowerCase()) return { name: place.name, href: machinePath(place) };
  if (!type && !place.group && place.subscription) {
    return { name: place.subscription, href: `/subscription?id=${place.subscription}` };
  }
  return { name: place.name || "/" };
}

/** `namespace/type` in lower case of an id without an extension; empty for scopes. */
function typeOf(id: string): string {
  const at = id.toLowerCase().lastIndexOf(MARK);
  if (at < 0) return "";
  const [namespace = "", type = ""] = id.slice(at + MARK.length).split("/");
  return `${namespace}/${type}`.toLowerCase();
}
