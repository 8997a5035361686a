/** Where the person is, from the handles of the matching routes. */

import { useMatches } from "react-router";
import type { Crumb, Handle } from "../routes";

export interface Trail {
  crumbs: readonly Crumb[];
  /** The page scrolls by itself and wants the whole room. */
  full: boolean;
}

export function useTrail(): Trail {
  const matches = useMatches();
  const crumbs: Crumb[] = [];
  let full = false;
  for (const { handle, params } of matches) {
    const said = handle as Handle | undefined;
    if (!said) continue;
    crumbs.push(said.crumb(params));
    full = said.full ?? false;
  }
  return { crumbs, full };
}

/** The page's name, what is nearest first: "Activity log - web1 - Virtual machines". */
export function nameOf(crumbs: readonly Crumb[]): string {
  return crumbs
    .map((crumb) => crumb.label)
    .reverse()
    .join(" - ");
}
