/** Which machines of the list are shown, in which order and on which page; kept in the address of the page. */

import { collator, narrowed, type Option, optionsOf } from "../shared/facets";
import { readTable, type TableView, writeTable } from "../shared/tableView";
import type { Server } from "./server";
import { STATES, stateWord } from "./state";

export const FACETS = ["state", "group", "location", "subscription"] as const;
export type Facet = (typeof FACETS)[number];

export const COLUMNS = ["name", "state", "vms", "agent", "heartbeat", "os", "location", "group"] as const;
export type Column = (typeof COLUMNS)[number];

export type View = TableView<Facet, Column>;

export function readView(address: URLSearchParams): View {
  return readTable(address, FACETS, COLUMNS);
}

export function writeView(view: View): URLSearchParams {
  return writeTable(view, FACETS, COLUMNS);
}

/** Every word of the filter has to occur in what the row shows. */
export function narrow(servers: readonly Server[], view: View): Server[] {
  return narrowed(servers, FACETS, view, (server) => [
    server.name,
    server.group,
    server.location,
    server.agent,
    server.os,
    stateWord(server.state),
    ...server.tags,
  ]);
}

export function options(servers: readonly Server[], facet: Facet, view: View): Option[] {
  return optionsOf(servers, facet, view, narrow);
}

export function order(servers: readonly Server[], view: Pick<View, "sort" | "descending">): Server[] {
  const sign = view.descending ? -1 : 1;
  return [...servers].sort(
    (one, other) =>
      sign * compare(one, other, view.sort) ||
      collator.compare(one.name, other.name) ||
      (one.key < other.key ? -1 : 1),
  );
}

function compare(one: Server, other: Server, column: Column): number {
  switch (column) {
    case "state":
      return STATES.indexOf(one.state) - STATES.indexOf(other.state);
    case "vms":
      return (one.vms ?? -1) - (other.vms ?? -1);
    default:
      return collator.compare(one[column], other[column]);
  }
}
