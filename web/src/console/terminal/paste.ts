/** What is pasted into a console: what of it can be typed, and whether somebody should look at it first. */

/** Characters of a preview. */
export const PREVIEW = 4000;
/** More than this is asked about even on one line: a serial line takes 11 KB a second at best. */
export const LARGE = 4 * 1024;

export interface Paste {
  /** As it is typed: each line ends with a carriage return, as Enter sends it. */
  readonly text: string;
  /** How many lines would be entered by it: one that is left open does not count. */
  readonly lines: number;
  /** Control characters that were taken out: in a paste they are keys nobody sees. */
  readonly removed: number;
}

const CONTROL = /(?![\t\n\r])\p{Cc}/gu;

export function pasteOf(clipboard: string): Paste {
  const text = clipboard.replace(CONTROL, "").replace(/\r\n|\n/g, "\r");
  return {
    text,
    lines: text.split("\r").length - 1,
    removed: clipboard.match(CONTROL)?.length ?? 0,
  };
}

/** Whether to ask before: lines that would be entered at once, hidden keys, or a lot of text. */
export function isRisky(paste: Paste): boolean {
  return paste.lines > 0 || paste.removed > 0 || paste.text.length > LARGE;
}

/** As the guest's shell wants it: marked as a paste where it asked for that (DECSET 2004). */
export function typedOf(paste: Paste, bracketed: boolean): string {
  return bracketed ? `\x1b[200~${paste.text}\x1b[201~` : paste.text;
}
