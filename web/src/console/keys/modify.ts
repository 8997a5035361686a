/** Ctrl and Alt held on a screen without such keys: they hold for the next key, as xterm sends the two together. */

export interface Modifiers {
  readonly ctrl: boolean;
  readonly alt: boolean;
}

export const NO_MODIFIERS: Modifiers = { ctrl: false, alt: false };

const ESC = "\x1b";
const LETTER = new RegExp(`^${ESC}[[O]([A-DFHPQS])$`);
const NUMBER = new RegExp(`^${ESC}\\[(\\d+)~$`);

/** A typed key with them; null for what is no single key, and for which they go on holding. */
export function modified(typed: string, { ctrl, alt }: Modifiers): string | null {
  const code = 1 + (alt ? 2 : 0) + (ctrl ? 4 : 0);
  const [, letter] = LETTER.exec(typed) ?? [];
  if (letter !== undefined) return `${ESC}[1;${code}${letter}`;
  const [, number] = NUMBER.exec(typed) ?? [];
  if (number !== undefined) return `${ESC}[${number};${code}~`;
  if ([...typed].length !== 1) return null;
  return (alt ? ESC : "") + (ctrl ? controlled(typed) : typed);
}

function controlled(letter: string): string {
  if (letter === " ") return "\0";
  return /^[@-~]$/.test(letter) ? String.fromCharCode(letter.toUpperCase().charCodeAt(0) & 0x1f) : letter;
}
