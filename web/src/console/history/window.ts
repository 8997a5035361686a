/** Which rows of a long list are drawn: all have one height, so that a place in it is a product. */

export const ROW = 18;
/** Rows drawn beyond either edge of what is seen. */
const BEYOND = 20;
/** Rows from an edge at which more is fetched. */
const NEAR = 200;

export interface Drawn {
  first: number;
  /** Behind the last. */
  end: number;
}

export function drawnOf(count: number, scrollTop: number, height: number): Drawn {
  const first = Math.max(0, Math.min(count, Math.floor(scrollTop / ROW) - BEYOND));
  return { first, end: Math.min(count, Math.ceil((scrollTop + height) / ROW) + BEYOND) };
}

/** Where to fetch more, if at all. */
export function wantedOf(count: number, scrollTop: number, height: number): "earlier" | "later" | undefined {
  if (scrollTop < NEAR * ROW) return "earlier";
  return count * ROW - scrollTop - height < NEAR * ROW ? "later" : undefined;
}

/** Where to scroll to so that what was seen stays where it was, after rows came in front of it. */
export function keptTop(
  keys: readonly { key: string }[],
  top: { key: string; within: number } | undefined,
): number | undefined {
  if (!top) return undefined;
  const at = keys.findIndex((item) => item.key === top.key);
  return at < 0 ? undefined : at * ROW + top.within;
}
