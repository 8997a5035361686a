/** Which rows of the list are shown, in which order and on which page; kept in the address of the page. */

import { PORT_STATES } from "../../console/portStates";
import { pageIn } from "../shared/useInAddress";
import { severity } from "./health";
import type { Machine } from "./machine";
import { POWERS } from "./power";

export const FACETS = ["power", "host", "group", "subscription"] as const;
export type Facet = (typeof FACETS)[number];

export const COLUMNS = ["name", "power", "console", "host", "group", "health"] as const;
export type Column = (typeof COLUMNS)[number];

export interface View {
  text: string;
  /** Values that pass, by facet; an empty list lets all pass. */
  chosen: Readonly<Record<Facet, readonly string[]>>;
  sort: Column;
  descending: boolean;
  /** From 0. */
  page: number;
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

export function readView(address: URLSearchParams): View {
  const sort = COLUMNS.find((column) => column === address.get("sort")) ?? "name";
  return {
    text: address.get("q") ?? "",
    chosen: {
      power: address.getAll("power"),
      host: address.getAll("host"),
      group: address.getAll("group"),
      subscription: address.getAll("subscription"),
    },
    sort,
    descending: address.get("order") === "desc",
    page: pageIn(address),
  };
}

/** The same as a query; what is as at first is left out. */
export function writeView(view: View): URLSearchParams {
  const address = new URLSearchParams();
  if (view.text) address.set("q", view.text);
  for (const facet of FACETS) {
    for (const value of view.chosen[facet]) address.append(facet, value);
  }
  if (view.sort !== "name") address.set("sort", view.sort);
  if (view.descending) address.set("order", "desc");
  if (view.page > 0) address.set("page", String(view.page + 1));
  return address;
}

export function isNarrowed(view: View): boolean {
  return view.text.trim() !== "" || FACETS.some((facet) => view.chosen[facet].length > 0);
}

/** Every word of the filter has to occur in the name, host, group or state; facets narrow further. */
export function narrow(machines: readonly Machine[], view: View): Machine[] {
  const words = view.text.toLowerCase().split(/\s+/).filter(Boolean);
  return machines.filter(
    (machine) =>
      FACETS.every((facet) => passes(machine, facet, view)) && words.every((word) => mentions(machine, word)),
  );
}

export function order(machines: readonly Machine[], view: Pick<View, "sort" | "descending">): Machine[] {
  const sign = view.descending ? -1 : 1;
  return [...machines].sort(
    (one, other) =>
      sign * compare(one, other, view.sort) ||
      collator.compare(one.name, other.name) ||
      (one.key < other.key ? -1 : 1),
  );
}

export interface Option {
  value: string;
  count: number;
}

/** The values a facet can take, each with the rows it would show beside all the other facets' choices. */
export function options(machines: readonly Machine[], facet: Facet, view: View): Option[] {
  const counts = new Map<string, number>();
  for (const machine of machines) counts.set(machine[facet], 0);
  for (const value of view.chosen[facet]) counts.set(value, 0);
  const others: View = { ...view, chosen: { ...view.chosen, [facet]: [] } };
  for (const machine of narrow(machines, others))
    counts.set(machine[facet], (counts.get(machine[facet]) ?? 0) + 1);
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((one, other) => collator.compare(one.value, other.value));
}

function passes(machine: Machine, facet: Facet, view: View): boolean {
  const chosen = view.chosen[facet];
  return chosen.length === 0 || chosen.includes(machine[facet]);
}

function mentions(machine: Machine, word: string): boolean {
  return [machine.name, machine.host, machine.group, machine.power, machine.shows ?? ""].some((text) =>
    text.toLowerCase().includes(word),
  );
}

function compare(one: Machine, other: Machine, column: Column): number {
  switch (column) {
    case "power":
      return POWERS.indexOf(one.power) - POWERS.indexOf(other.power);
    case "console":
      return showsOrder(one) - showsOrder(other);
    case "health":
      return severity(one.health.condition) - severity(other.health.condition);
    default:
      return collator.compare(one[column], other[column]);
  }
}

/** Those whose host does not say come last. */
function showsOrder({ shows }: Machine): number {
  return shows === undefined ? PORT_STATES.length : PORT_STATES.indexOf(shows);
}
