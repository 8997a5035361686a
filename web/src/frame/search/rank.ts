/** What is meant by a few typed letters: the best entries first. */

export interface Entry {
  id: string;
  kind: "machine" | "console" | "host" | "page" | "command";
  title: string;
  /** Where it is, what state it is in: shown beside the title and searched last. */
  hint?: string;
  /** Other words for it, never shown. */
  words?: readonly string[];
  run: () => void;
}

/** Two entries that fit equally well: what a person comes for more often is first. */
const KINDS: readonly Entry["kind"][] = ["machine", "page", "command", "host", "console"];
const SHOWN = 30;
/** Machines that are offered before anything was typed. */
const MACHINES_AT_REST = 8;

/**
 * The entries that fit every word of `query`, best first; without a query the `recent` ones (ids, newest first), then some
 * machines, pages and commands. Recent ones win among equals.
 */
export function rank(query: string, entries: readonly Entry[], recent: readonly string[] = []): Entry[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const age = new Map(recent.map((id, index) => [id, index]));
  const scored: { entry: Entry; score: number; age: number }[] = [];
  for (const entry of entries) {
    const at = age.get(entry.id);
    const score = words.length > 0 ? fitness(words, entry) : atRest(entry, at !== undefined);
    if (score > 0) scored.push({ entry, score, age: at ?? recent.length });
  }
  scored.sort(
    (one, other) =>
      other.score - one.score ||
      one.age - other.age ||
      KINDS.indexOf(one.entry.kind) - KINDS.indexOf(other.entry.kind) ||
      one.entry.title.localeCompare(other.entry.title, undefined, { numeric: true }),
  );
  let machines = 0;
  return scored
    .filter(({ entry }) => words.length > 0 || entry.kind !== "machine" || machines++ < MACHINES_AT_REST)
    .slice(0, SHOWN)
    .map(({ entry }) => entry);
}

function atRest(entry: Entry, recent: boolean): number {
  if (recent) return 3;
  if (entry.kind === "machine") return 2;
  return entry.kind === "page" || entry.kind === "command" ? 1 : 0;
}

/** 0 when a word fits nowhere. */
function fitness(words: readonly string[], entry: Entry): number {
  let total = 0;
  for (const word of words) {
    const score = Math.max(
      inTitle(word, entry.title.toLowerCase()),
      ...(entry.words ?? []).map((each) => (each.toLowerCase().startsWith(word) ? 30 : 0)),
      entry.hint?.toLowerCase().includes(word) ? 15 : 0,
    );
    if (score === 0) return 0;
    total += score;
  }
  return total;
}

function inTitle(word: string, title: string): number {
  if (title === word) return 100;
  if (title.startsWith(word)) return 80;
  const at = title.indexOf(word);
  if (at > 0) return /[\p{L}\p{N}]/u.test(title.charAt(at - 1)) ? 40 : 60;
  return word.length > 1 && isScattered(word, title) ? 10 : 0;
}

/** "wb1" is in "web01" in this order. */
function isScattered(word: string, title: string): boolean {
  let at = -1;
  for (const letter of word) {
    at = title.indexOf(letter, at + 1);
    if (at < 0) return false;
  }
  return true;
}
