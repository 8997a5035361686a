/** A log as one file: the bytes as the guest printed them, or a form that others read or play. */

import type { LogPage, LogWish } from "../../../api/types";
import { saveAs } from "../../shared/saveAs";
import { bytesOf, castOf } from "./cast";
import { htmlOf, itemsOf, textOf } from "./exports";
import { askLog } from "./useLog";

export type Form = "bytes" | "text" | "html" | "cast";

const LINES: LogWish = { lines: 2000 };

/** Bytes of a log by their offsets; what was printed right behind them may come too. */
export interface Range {
  readonly from: number;
  readonly end: number;
}

/** All of a log, or a part of it, named `file` without its ending. */
export async function downloadLog(
  id: string,
  name: string,
  form: Form,
  told: (part: number) => void,
  signal: AbortSignal,
  { range, file = `${name}-serial` }: { range?: Range; file?: string } = {},
): Promise<void> {
  if (form === "bytes" || form === "cast") {
    const pages = await allOf(id, { raw: true }, range, told, signal);
    if (form === "cast") saveAs(`${file}.cast`, castOf(pages, name), "application/x-asciicast");
    else saveAs(`${file}.log`, joined(pages.map(bytesOf)), "application/octet-stream");
    return;
  }
  const pages = await allOf(id, form === "html" ? { ...LINES, colours: true } : LINES, range, told, signal);
  const items = itemsOf(pages);
  if (form === "text") saveAs(`${file}.txt`, textOf(items), "text/plain;charset=utf-8");
  else saveAs(`${file}.html`, await htmlOf(items, name, document.documentElement.lang), "text/html");
}

async function allOf(
  id: string,
  wish: LogWish,
  range: Range | undefined,
  told: (part: number) => void,
  signal: AbortSignal,
): Promise<LogPage[]> {
  const pages: LogPage[] = [];
  let from = range?.from ?? 0;
  let end = range?.end;
  for (;;) {
    const page = await askLog(id, { ...wish, from }, signal);
    pages.push(page);
    from = page.next;
    // As far as it was at first: a guest that prints faster than this reads would make it endless.
    end ??= page.end;
    const begin = Math.max(range?.from ?? 0, page.start);
    told(Math.min(1, (page.next - begin) / Math.max(1, end - begin)));
    if (!page.more || page.next >= end) return pages;
  }
}

function joined(pieces: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
