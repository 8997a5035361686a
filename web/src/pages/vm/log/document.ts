/**
 * A log as one HTML document of its own: the port of wire/log_page.py, byte for byte.
 *
 * Every character of a guest's is text. The document loads, runs and sends nothing: its policy lets only its own
 * style sheet in, by its hash.
 */

import { colourOf, LETTERS, PAPER, piecesOf } from "../../../console/history/looks";

/** What is no word of the guest's, at its place. */
export interface Word {
  kind: "boot" | "gap" | "record";
  text: string;
}

/** Of the guest. `at` is ISO 8601, `shown` how the time is told; `looks` and `matches` as in the API. */
export interface Line {
  text: string;
  at?: string;
  shown?: string;
  looks?: readonly [number, number, string][];
  matches?: readonly [number, number][];
}

/** All that stands before the first line. */
export async function begin(title: string, about: string, language: string): Promise<string> {
  const sheet = sheetOf();
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(sheet));
  const hash = btoa(String.fromCharCode(...new Uint8Array(digest)));
  const policy = `default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-${hash}'`;
  return [
    `<!doctype html>\n<html lang="${markup(language)}">\n<head>\n<meta charset="utf-8">\n`,
    `<meta http-equiv="Content-Security-Policy" content="${policy}">\n`,
    '<meta name="viewport" content="width=device-width">\n',
    `<title>${markup(title)}</title>\n<style>${sheet}</style>\n</head>\n<body>\n`,
    `<h1>${markup(title)}</h1>\n<p>${markup(about)}</p>\n<pre>\n`,
  ].join("");
}

/** One line of the document. */
export function item(each: Line | Word): string {
  if ("kind" in each) return `<span class="${each.kind}">${markup(each.text)}</span>\n`;
  const time = each.shown ? `<time datetime="${markup(each.at ?? "")}">${markup(each.shown)}</time> ` : "";
  const pieces = piecesOf(each.text, each.looks, each.matches).map((piece) => {
    const text = piece.matched ? `<mark>${markup(piece.text)}</mark>` : markup(piece.text);
    return piece.look ? `<span class="${markup(piece.look)}">${text}</span>` : text;
  });
  return `${time}${pieces.join("")}\n`;
}

export const END = "</pre>\n</body>\n</html>\n";

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
    "h1{font-size:1.2rem}",
    "pre{font:0.85rem/1.35 monospace;white-space:pre-wrap;overflow-wrap:anywhere}",
    "time{color:#9fb8b4;user-select:none}",
    ".boot{background:#1f3a5c}.gap{background:#5c2b1f}.record{background:#23403c}",
    "mark{background:#f2c744;color:#111716}",
    ".bold{font-weight:bold}.dim{opacity:.75}.italic{font-style:italic}",
    ".underline{text-decoration:underline}.strike{text-decoration:line-through}",
    `.fgback{color:${PAPER}}.bgfront{background:${LETTERS}}`,
  ];
  for (let number = 0; number < 256; number++) {
    rules.push(`.fg${number}{color:${colourOf(number)}}.bg${number}{background:${colourOf(number)}}`);
  }
  return rules.join("\n");
}
