/** A log as a file for others: a page with its colours (as wire/log_page.py), or a recording (as wire/cast.py). */

import type { LogPage } from "../../../api/types";
import { colourOf, LETTERS, PAPER, piecesOf } from "../../../console/history/looks";
import { Hygiene } from "../../../console/protocol/hygiene";
import { full, t } from "../../../text";
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

/** One document that loads, runs and sends nothing; its policy lets only its own style sheet in, by its hash. */
export async function htmlOf(items: readonly Item[], name: string, language: string): Promise<string> {
  const sheet = sheetOf();
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(sheet));
  const hash = btoa(String.fromCharCode(...new Uint8Array(digest)));
  const policy = `default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-${hash}'`;
  const title = markup(name);
  return [
    `<!doctype html>\n<html lang="${markup(language)}">\n<head>\n<meta charset="utf-8">\n`,
    `<meta http-equiv="Content-Security-Policy" content="${policy}">\n`,
    '<meta name="viewport" content="width=device-width">\n',
    `<title>${title}</title>\n<style>${sheet}</style>\n</head>\n<body>\n<h1>${title}</h1>\n<pre>\n`,
    ...items.map(shown),
    "</pre>\n</body>\n</html>\n",
  ].join("");
}

function shown(item: Item): string {
  if (item.kind !== "line") return `<span class="${item.kind}">${markup(wordsOf(item))}</span>\n`;
  const { at, text, looks } = item.line;
  const pieces = piecesOf(text, looks).map((piece) =>
    piece.look ? `<span class="${markup(piece.look)}">${markup(piece.text)}</span>` : markup(piece.text),
  );
  return `<time datetime="${markup(at)}">${markup(full(at))}</time> ${pieces.join("")}\n`;
}

const MARKUP: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#x27;",
};

function markup(text: string): string {
  return text.replaceAll(/[&<>"']/g, (letter) => MARKUP[letter] ?? "");
}

function sheetOf(): string {
  const rules = [
    `body{margin:1rem;background:${PAPER};color:${LETTERS};font-family:sans-serif}`,
    "pre{font:0.85rem/1.35 monospace;white-space:pre-wrap;overflow-wrap:anywhere}",
    "time{color:#9fb8b4;user-select:none}",
    ".boot{background:#1f3a5c}.gap{background:#5c2b1f}.record{background:#23403c}",
    ".bold{font-weight:bold}.dim{opacity:.75}.italic{font-style:italic}",
    ".underline{text-decoration:underline}.strike{text-decoration:line-through}",
    `.fgback{color:${PAPER}}.bgfront{background:${LETTERS}}`,
  ];
  for (let number = 0; number < 256; number++) {
    rules.push(`.fg${number}{color:${colourOf(number)}}.bg${number}{background:${colourOf(number)}}`);
  }
  return rules.join("\n");
}

const COLUMNS = 80;
const ROWS = 25;
/** Seconds; players make longer pauses this short. */
const IDLE = 2;

/** asciicast v2 of raw pages: a header, then an event a line; what a terminal would answer is taken out. */
export function castOf(pages: readonly LogPage[], name: string): string {
  const hygiene = new Hygiene();
  const decoder = new TextDecoder();
  const seconds = (at: string): number => Date.parse(at) / 1000;
  const first = pages[0]?.times?.[0]?.at ?? pages[0]?.at ?? new Date(0).toISOString();
  const start = seconds(first);
  const header = {
    version: 2,
    width: COLUMNS,
    height: ROWS,
    timestamp: Math.trunc(start),
    idle_time_limit: IDLE,
  };
  const lines = [JSON.stringify({ ...header, title: name })];
  let now = 0;
  const event = (code: "o" | "m", text: string, at: string | undefined): void => {
    // The host's clock may have been put back meanwhile.
    if (at !== undefined) now = Math.max(now, Math.round(1000 * (seconds(at) - start)) / 1000);
    lines.push(JSON.stringify([now, code, text]));
  };
  for (const page of pages) {
    const data = bytesOf(page);
    const times = page.times?.length ? page.times : [{ end: page.next, at: page.at }];
    const boots = page.boots.filter((boot) => boot.from >= page.from && boot.from < page.next);
    const put = (from: number, end: number, at: string): void => {
      const text = decoder.decode(hygiene.clean(data.subarray(from - page.from, end - page.from)));
      if (text) event("o", text, at);
    };
    let from = page.from;
    times.forEach(({ end: told, at }, number) => {
      const end = number === times.length - 1 ? page.next : Math.min(told, page.next);
      for (const boot of boots.filter((each) => each.from >= from && each.from < end)) {
        put(from, boot.from, at);
        event("m", `boot ${boot.number}`, boot.at);
        from = boot.from;
      }
      put(from, end, at);
      from = Math.max(from, end);
    });
  }
  return `${lines.join("\n")}\n`;
}

export function bytesOf(page: LogPage): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(page.data ?? ""), (letter) => letter.charCodeAt(0));
}
