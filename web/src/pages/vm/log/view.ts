/** What of a log is on the page: pages put together, read on at either end. */

import type { LogBoot, LogGap, LogLine, LogPage, TailRecord } from "../../../api/types";

export type Item =
  | { kind: "line"; key: string; line: LogLine }
  | { kind: "record"; key: string; record: TailRecord }
  | { kind: "gap"; key: string; gap: LogGap }
  | { kind: "boot"; key: string; boot: LogBoot };

/** Items that are kept; beyond, those at the other end go. */
export const MOST = 4000;

export interface LogView {
  items: readonly Item[];
  /** Offset at which what is shown begins. */
  from: number;
  /** Where to read on. */
  next: number;
  /** There is more from `next` on now. */
  more: boolean;
  start: number;
  end: number;
  boots: readonly LogBoot[];
  live: boolean;
}

/** The view of one page alone. */
export function viewOf(page: LogPage): LogView {
  return {
    items: itemsOf(page, new Set()),
    from: page.from,
    next: page.next,
    more: page.more,
    start: page.start,
    end: page.end,
    boots: page.boots,
    live: page.live,
  };
}

/** With what comes behind it. A line that was open is in the page again, whole. */
export function appended(view: LogView, page: LogPage, most = MOST): LogView {
  const kept = view.items.filter((item) => item.kind !== "line" || item.line.offset < page.from);
  const known = wordsIn(kept);
  const items = [...kept, ...itemsOf(page, known)];
  const cut = Math.max(0, items.length - most);
  const left = cut > 0 ? items.slice(cut) : items;
  return {
    ...viewOf(page),
    items: left,
    from: cut > 0 ? (firstOffset(left) ?? view.from) : view.from,
  };
}

/** With what stands before it. */
export function prepended(view: LogView, page: LogPage, most = MOST): LogView {
  const known = wordsIn(view.items);
  const items = [...itemsOf(page, known), ...view.items];
  const left = items.slice(0, most);
  const cut = items.length > left.length;
  const last = lastLine(left);
  return {
    ...view,
    items: left,
    from: page.from,
    start: page.start,
    boots: page.boots,
    // What was cut off begins with the last line that is left, which is then read again.
    ...(cut && last !== undefined && { next: last.offset, more: true }),
  };
}

function itemsOf(page: LogPage, known: ReadonlySet<string>): Item[] {
  const items: Item[] = [];
  const add = (item: Item): void => {
    if (!known.has(item.key)) items.push(item);
  };
  const records = [...page.records];
  const gaps = [...page.gaps];
  const reached = page.more ? page.next - 1 : page.end;
  const boots = page.boots.filter((boot) => boot.from >= page.from && boot.from <= reached);
  let row = 0;
  for (let number = 0; number <= page.lines.length; number++) {
    const line = page.lines[number];
    row = line && page.lines[number - 1]?.offset === line.offset ? row + 1 : 0;
    while (gaps[0] && gaps[0].before <= number) {
      const gap = gaps.shift() as LogGap;
      add({ kind: "gap", key: `gap ${gap.from} ${gap.end} ${gap.bytes}`, gap });
    }
    while (boots[0] && (!line || boots[0].from <= line.offset)) {
      const boot = boots.shift() as LogBoot;
      add({ kind: "boot", key: `boot ${boot.number} ${boot.from}`, boot });
    }
    while (records[0] && records[0].before <= number) {
      const record = records.shift() as TailRecord;
      add({ kind: "record", key: `record ${record.at} ${record.text}`, record });
    }
    // A line that jumps about makes several rows of one offset.
    if (line) items.push({ kind: "line", key: `line ${line.offset} ${row}`, line });
  }
  return items;
}

/** Keys of what stands between the lines: pages repeat that, never lines. */
function wordsIn(items: readonly Item[]): Set<string> {
  return new Set(items.filter((item) => item.kind !== "line").map((item) => item.key));
}

function firstOffset(items: readonly Item[]): number | undefined {
  const first = items.find((item) => item.kind === "line");
  return first?.kind === "line" ? first.line.offset : undefined;
}

function lastLine(items: readonly Item[]): LogLine | undefined {
  const last = items.findLast((item) => item.kind === "line");
  return last?.kind === "line" ? last.line : undefined;
}

/** A text in pieces, every other one of them a match: the first is none. */
export function parted(text: string, matches: readonly [number, number][] = []): string[] {
  // Places count characters, not the halves of those beyond the basic plane.
  const letters = [...text];
  const pieces: string[] = [];
  let done = 0;
  for (const [first, end] of matches) {
    pieces.push(letters.slice(done, first).join(""), letters.slice(first, end).join(""));
    done = end;
  }
  pieces.push(letters.slice(done).join(""));
  return pieces;
}

/** The key of the line in which the byte at `offset` lies; undefined when it is not on the page. */
export function lineAt(items: readonly Item[], offset: number): string | undefined {
  let found: string | undefined;
  for (const item of items) {
    if (item.kind !== "line") continue;
    if (item.line.offset > offset) break;
    if (!found || lineOffset(found) !== item.line.offset) found = item.key;
  }
  return found;
}

function lineOffset(key: string): number {
  return Number(key.split(" ")[1]);
}
