/** Lines of a log as a file for others: text, or a page with its colours. */

import type { LogPage } from "../../../api/types";
import { full, t } from "../../../text";
import * as page from "./document";
import { type Item, viewOf } from "./view";

/** Lines of pages in one sequence. One that was open at the end of a page is in the next again. */
export function itemsOf(pages: readonly LogPage[]): Item[] {
  const known = new Set<string>();
  const items: Item[] = [];
  pages.forEach((page, number) => {
    const next = pages[number + 1]?.from ?? Number.POSITIVE_INFINITY;
    for (const item of viewOf(page).items) {
      if (known.has(item.key) || (item.kind === "line" && item.line.offset >= next)) continue;
      known.add(item.key);
      items.push(item);
    }
  });
  return items;
}

/** What is no word of the guest's. */
export function wordsOf(item: Exclude<Item, { kind: "line" }>): string {
  switch (item.kind) {
    case "record":
      return `${full(item.record.at)} ${item.record.text}`;
    case "boot":
      return t("vm.logBootBegins", { number: item.boot.number, when: full(item.boot.at) });
    case "gap":
      return item.gap.bytes > 0 ? t("vm.logGapBytes", { count: item.gap.bytes }) : t("vm.logGap");
  }
}

/** Guest lines begin with two blanks, all else with an asterisk: nothing that a guest prints looks like a record. */
export function textOf(items: readonly Item[]): string {
  return items
    .map((item) => (item.kind === "line" ? `  ${item.line.text}`.trimEnd() : `* ${wordsOf(item)}`))
    .map((line) => `${line}\n`)
    .join("");
}

/** One document that loads, runs and sends nothing. */
export async function htmlOf(items: readonly Item[], name: string, language: string): Promise<string> {
  const about = t("vm.logAbout", { when: full(new Date().toISOString()) });
  return [await page.begin(name, about, language), ...items.map(shown), page.END].join("");
}

function shown(item: Item): string {
  if (item.kind !== "line") return page.item({ kind: item.kind, text: wordsOf(item) });
  const { at, text, looks } = item.line;
  return page.item({ text, at, shown: full(at), ...(looks && { looks }) });
}
