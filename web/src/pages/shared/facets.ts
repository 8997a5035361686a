/** Lists that are narrowed by words and by facets: the values of some of their columns. */

export type Chosen<F extends string> = Readonly<Record<F, readonly string[]>>;

export interface Narrowing<F extends string> {
  text: string;
  /** Values that pass, by facet; an empty list lets all pass. */
  chosen: Chosen<F>;
}

export interface Option {
  value: string;
  count: number;
}

/** Names with their numbers in order. */
export const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** What is chosen of each facet, by an address; what an empty address gives narrows nothing. */
export function chosenIn<F extends string>(facets: readonly F[], address: URLSearchParams): Chosen<F> {
  return Object.fromEntries(facets.map((facet) => [facet, address.getAll(facet)])) as Record<F, string[]>;
}

export function isNarrowed<F extends string>(view: Narrowing<F>, facets: readonly F[]): boolean {
  return view.text.trim() !== "" || facets.some((facet) => view.chosen[facet].length > 0);
}

/** Every word of the filter has to occur in one of the row's `words`; facets narrow further. */
export function narrowed<F extends string, T extends Readonly<Record<F, string>>>(
  rows: readonly T[],
  facets: readonly F[],
  view: Narrowing<F>,
  words: (row: T) => readonly string[],
): T[] {
  const typed = view.text.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((row) => {
    if (!facets.every((facet) => passes(row[facet], view.chosen[facet]))) return false;
    const said = typed.length > 0 ? words(row).map((each) => each.toLowerCase()) : [];
    return typed.every((word) => said.some((each) => each.includes(word)));
  });
}

/** The values a facet can take, each with the rows it would show beside all the other facets' choices. */
export function optionsOf<F extends string, T extends Readonly<Record<F, string>>, V extends Narrowing<F>>(
  rows: readonly T[],
  facet: F,
  view: V,
  narrow: (rows: readonly T[], view: V) => readonly T[],
): Option[] {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(row[facet], 0);
  for (const value of view.chosen[facet]) counts.set(value, 0);
  const others = { ...view, chosen: { ...view.chosen, [facet]: [] } };
  for (const row of narrow(rows, others)) counts.set(row[facet], (counts.get(row[facet]) ?? 0) + 1);
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((one, other) => collator.compare(one.value, other.value));
}

function passes(value: string, chosen: readonly string[]): boolean {
  return chosen.length === 0 || chosen.includes(value);
}
