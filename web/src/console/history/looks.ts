/** Letters of a log in their colours: the words of `looks` (wire/colours.py) as styles, and a line cut where they change. */

import type { CSSProperties } from "react";

/** The sixteen of the terminal beside it, and xterm's others. */
const SIXTEEN =
  "#1b1f27 #f2777a #8fd18b #e6c770 #7fb4f5 #d7a1ee #6fd0d4 #d3d7de #8b93a1 #ff9c9e #b1e8ad #f6dd95 #a8ceff #ebc4fb #9ae8eb #ffffff".split(
    " ",
  );
const LEVELS = [0, 95, 135, 175, 215, 255];
export const LETTERS = "#e3e6eb";
export const PAPER = "#0c0f14";

/** One of xterm's 256 colours. */
export function colourOf(number: number): string {
  const known = SIXTEEN[number];
  if (known !== undefined) return known;
  if (number >= 232) {
    const level = 8 + 10 * (number - 232);
    return hex(level, level, level);
  }
  const cube = number - 16;
  const levels = [Math.trunc(cube / 36), Math.trunc(cube / 6) % 6, cube % 6];
  return hex(...levels.map((each) => LEVELS[each] ?? 0));
}

function hex(...levels: number[]): string {
  return `#${levels.map((each) => each.toString(16).padStart(2, "0")).join("")}`;
}

export interface Piece {
  text: string;
  /** Words of its look, empty for none. */
  look: string;
  matched: boolean;
}

type Span = readonly [first: number, end: number, look?: string];

/** The text, cut wherever its look changes or a match begins or ends. Places count characters, not halves of them. */
export function piecesOf(text: string, looks: readonly Span[] = [], matches: readonly Span[] = []): Piece[] {
  if (looks.length === 0 && matches.length === 0) return text ? [{ text, look: "", matched: false }] : [];
  const letters = [...text];
  const places = new Set([0, letters.length]);
  for (const [first, end] of [...looks, ...matches]) places.add(first).add(end);
  const cuts = [...places].filter((place) => place <= letters.length).sort((one, other) => one - other);
  const within = (span: Span, place: number): boolean => span[0] <= place && place < span[1];
  return cuts.slice(0, -1).map((first, number) => ({
    text: letters.slice(first, cuts[number + 1]).join(""),
    look: looks.find((span) => within(span, first))?.[2] ?? "",
    matched: matches.some((span) => within(span, first)),
  }));
}

const known = new Map<string, CSSProperties>();

export function styleOf(look: string): CSSProperties | undefined {
  if (look === "") return undefined;
  let style = known.get(look);
  if (style === undefined) {
    style = Object.assign({}, ...look.split(" ").map(wordStyle)) as CSSProperties;
    known.set(look, style);
  }
  return style;
}

function wordStyle(word: string): CSSProperties {
  const colour = /^(fg|bg)(\d{1,3}|back|front)$/.exec(word);
  if (colour) {
    const value =
      colour[2] === "back" ? PAPER : colour[2] === "front" ? LETTERS : colourOf(Number(colour[2]));
    return colour[1] === "fg" ? { color: value } : { backgroundColor: value };
  }
  switch (word) {
    case "bold":
      return { fontWeight: "bold" };
    case "dim":
      return { opacity: 0.75 };
    case "italic":
      return { fontStyle: "italic" };
    case "underline":
      return { textDecoration: "underline" };
    case "strike":
      return { textDecoration: "line-through" };
    default:
      return {};
  }
}
