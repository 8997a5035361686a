/** What of a table is shown: filter, facets, order and page, kept in the address of the page. */

import { type Chosen, chosenIn, type Narrowing } from "./facets";
import { pageIn } from "./useInAddress";

export interface TableView<F extends string, C extends string> extends Narrowing<F> {
  sort: C;
  descending: boolean;
  /** From 0. */
  page: number;
}

/** The first of `columns` is the order without any wish. */
export function readTable<F extends string, C extends string>(
  address: URLSearchParams,
  facets: readonly F[],
  columns: readonly [C, ...C[]],
): TableView<F, C> {
  return {
    text: address.get("q") ?? "",
    chosen: chosenIn(facets, address),
    sort: columns.find((column) => column === address.get("sort")) ?? columns[0],
    descending: address.get("order") === "desc",
    page: pageIn(address),
  };
}

/** The same as a query; what is as at first is left out. */
export function writeTable<F extends string, C extends string>(
  view: TableView<F, C>,
  facets: readonly F[],
  columns: readonly [C, ...C[]],
): URLSearchParams {
  const address = new URLSearchParams();
  if (view.text) address.set("q", view.text);
  for (const facet of facets) {
    for (const value of view.chosen[facet]) address.append(facet, value);
  }
  if (view.sort !== columns[0]) address.set("sort", view.sort);
  if (view.descending) address.set("order", "desc");
  if (view.page > 0) address.set("page", String(view.page + 1));
  return address;
}

/** A filter that lets everything pass. */
export function unnarrowed<F extends string>(facets: readonly F[]): { text: string; chosen: Chosen<F> } {
  return { text: "", chosen: chosenIn(facets, new URLSearchParams()) };
}
