/** Which consoles are open, and how they lie: all of it is in the address, so that it can be kept and sent. */

import { keyOf } from "../shared/resourceId";

/** More terminals than this one browser does not draw well, and nobody reads. */
export const MOST = 12;

export type Layout = "tabs" | "grid";

export interface Opened {
  /** Resource ids of VMs, and of servers with a console of their own, each once. */
  readonly vms: readonly string[];
  readonly layout: Layout;
  /** The one in front, among `vms`. */
  readonly at: number;
  /** The only thing in a window of its own. */
  readonly alone: boolean;
}

const VM =
  /^\/subscriptions\/[^/]+\/resourcegroups\/[^/]+\/providers\/microsoft\.(?:compute\/virtualmachines|hybridcompute\/machines)\/[^/]+$/i;

/** What an address asks for; what has no console is left out. */
export function openedOf(search: URLSearchParams): Opened {
  const wanted = search.getAll("vm").filter((id) => VM.test(id));
  const vms = [...new Map(wanted.map((id) => [keyOf(id), id])).values()].slice(0, MOST);
  const at = Number(search.get("at") ?? 0);
  return {
    vms,
    layout: search.get("layout") === "grid" ? "grid" : "tabs",
    at: Number.isInteger(at) && at > 0 && at < vms.length ? at : 0,
    alone: search.has("alone") && vms.length === 1,
  };
}

export function searchOf({ vms, layout, at, alone }: Opened): URLSearchParams {
  const search = new URLSearchParams(vms.map((id) => ["vm", id]));
  if (layout === "grid") search.set("layout", layout);
  if (at > 0) search.set("at", String(at));
  if (alone) search.set("alone", "");
  return search;
}

/** With one more, in front. */
export function withVm(opened: Opened, id: string): Opened {
  const there = opened.vms.findIndex((each) => keyOf(each) === keyOf(id));
  if (there >= 0) return { ...opened, at: there };
  if (opened.vms.length >= MOST) return opened;
  return { ...opened, vms: [...opened.vms, id], at: opened.vms.length };
}

export function withoutVm(opened: Opened, id: string): Opened {
  const gone = opened.vms.findIndex((each) => keyOf(each) === keyOf(id));
  if (gone < 0) return opened;
  const vms = opened.vms.toSpliced(gone, 1);
  const at = opened.at > gone ? opened.at - 1 : Math.min(opened.at, Math.max(0, vms.length - 1));
  return { ...opened, vms, at };
}
