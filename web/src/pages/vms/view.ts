/** Which rows of the list are shown, in which order and on which page; kept in the address of the page. */

import { PORT_STATES } from "../../console/portStates";
import { collator, narrowed, isNarrowed as narrows, type Option, optionsOf } from "../shared/facets";
import { readTable, type TableView, writeTable } from "../shared/tableView";
import { severity } from "./health";
import type { Machine } from "./machine";
import { POWERS } from "./power";

export const FACETS = ["power", "host", "group", "subscription"] as const;
export type Facet = (typeof FACETS)[number];

export const COLUMNS = ["name", "power", "console", "host", "group", "health"] as const;
export type Column = (typeof COLUMNS)[number];

export type View = TableView<Facet, Column>;

export function readView(address: URLSearchParams): View {
  return readTable(address, FACETS, COLUMNS);
}

export function writeView(view: View): URLSearchParams {
  return writeTable(view, FACETS, COLUMNS);
}

export function isNarrowed(view: View): boolean {
  return narrows(view, FACETS);
}

/** Every word of the filter has to occur in the name, host, group or state; facets narrow further. */
export function narrow(machines: readonly Machine[], view: View): Machine[] {
  return narrowed(machines, FACETS, view, ({ name, host, group, power, shows }) => [
    name,
    host,
    group,
    power,
    shows ?? "",
  ]);
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

/** The values a facet can take, each with the rows it would show beside all the other facets' choices. */
export function options(machines: readonly Machine[], facet: Facet, view: View): Option[] {
  return optionsOf(machines, facet, view, narrow);
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
