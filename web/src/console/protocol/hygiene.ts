/**
 * Hygiene of guest output on its way to the terminal: the port of wire/screen.py, byte for byte.
 *
 * A terminal answers some sequences by "typing" the answer, and a console would carry that answer into the guest.
 * So a query passes only while the reader is the live writer; titles, clipboard (OSC 52), answerback, printing,
 * device control strings and checks of what the screen shows never pass. Bytes come in any cut; the filter holds an
 * unfinished sequence back until it is whole, at most MAX_SEQUENCE bytes.
 */

/** A CSI longer than this is nobody's honest request and is dropped. */
export const MAX_SEQUENCE = 256;

/**
 * Brings a terminal back from the modes the guest left: main screen, whole-screen margins, soft reset; no mouse, focus
 * or paste reports; plain keys, inserting off, wrapping, visible cursor, ASCII, plain colours.
 */
export const RESTORE =
  "\x1b7\x1b[?1049l\x1b7\x1b[r\x1b8\x1b[!p" +
  "\x1b[?9l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?2004l" +
  "\x1b[?1l\x1b>\x1b[4l\x1b[?7h\x1b[?25h\x1b(B\x0f\x1b[0m";

/**
 * Who looks at the output, now. The live writer's answers reach the guest that asked; for a bystander (an observer, or
 * anybody during the replay of the past) nothing passes that would be answered.
 */
export type Reader = "live-writer" | "bystander";

type At = "ground" | "escape" | "csi" | "string" | "string-escape";

const ENQ = 0x05;
const BEL = 0x07;
const LF = 0x0a;
const CAN = 0x18;
const SUB = 0x1a;
const ESC = 0x1b;
const DEL = 0x7f;
const REPLACEMENT = [0xef, 0xbf, 0xbd];
const STRING_OPENERS = codes("PX]^_");
/** Window reports and titles (t), printing (i), checksum of the screen (y), reports nobody needs here. */
const HARMFUL_FINALS = codes("tiyxz{|w");
const PREFIXES = codes("<=>?");

/** A filter for one viewer's stream. Set `reader` before each chunk it applies to. */
export class Hygiene {
  reader: Reader;
  #at: At = "ground";
  #held: number[] = [];

  constructor(reader: Reader = "bystander") {
    this.reader = reader;
  }

  /** The part of `chunk` (and of what was held back) that is safe to show now. */
  clean(chunk: Uint8Array): Uint8Array<ArrayBuffer> {
    const input = this.#withHeld(chunk);
    const out = new Out(input.length);
    let position = 0;
    while (position < input.length) {
      if (this.#at === "ground") {
        position = this.#ground(input, position, out);
      } else {
        this.#sequence(byteAt(input, position), out);
        position += 1;
      }
    }
    return out.bytes();
  }

  /** How many bytes of an unfinished sequence are held back. */
  get held(): number {
    return this.#held.length;
  }

  #withHeld(chunk: Uint8Array): Uint8Array {
    if (this.#at !== "ground" || this.#held.length === 0) return chunk;
    const whole = Uint8Array.from([...this.#held, ...chunk]);
    this.#held = [];
    return whole;
  }

  #ground(chunk: Uint8Array, start: number, out: Out): number {
    const position = plainUntil(chunk, start);
    out.copy(chunk, start, position);
    if (position === chunk.length) return position;
    const byte = byteAt(chunk, position);
    const next = position + 1 < chunk.length ? byteAt(chunk, position + 1) : 0;
    if (byte === ESC) {
      this.#begin("escape");
    } else if (byte === 0xc2 && next >= 0x80 && next <= 0x9f) {
      // A C1 control in UTF-8 means what ESC and the letter 0x40 below it mean.
      this.#begin("escape");
      this.#sequence(next - 0x40, out);
      return position + 2;
    } else if (isUnfinished(chunk, position)) {
      this.#held = [...chunk.subarray(position)];
      return chunk.length;
    } else if (byte >= 0xa0) {
      out.push(...REPLACEMENT);
    }
    // What is left is answerback (ENQ) and C1 as a bare byte: both are dropped.
    return position + 1;
  }

  #begin(at: At): void {
    this.#held = [ESC];
    this.#at = at;
  }

  #end(): void {
    this.#held = [];
    this.#at = "ground";
  }

  #sequence(byte: number, out: Out): void {
    if (this.#at === "string" || this.#at === "string-escape") {
      this.#string(byte, out);
    } else if (byte === ESC) {
      this.#begin("escape");
    } else if (byte === CAN || byte === SUB) {
      this.#end();
    } else if (byte < 0x20) {
      // A terminal obeys a control character in the middle of a sequence and goes on with the sequence.
      if (byte !== ENQ) out.push(byte);
    } else if (byte >= 0x80) {
      this.#end();
      if (byte >= 0xa0) out.push(...REPLACEMENT);
    } else if (byte !== DEL) {
      this.#held.push(byte);
      if (this.#held.length > MAX_SEQUENCE) {
        this.#end();
      } else if (this.#at === "escape") {
        this.#escape(byte, out);
      } else if (byte >= 0x40 && byte <= 0x7e) {
        if (this.#mayBeShown()) out.push(...this.#held);
        this.#end();
      }
    }
  }

  #escape(byte: number, out: Out): void {
    if (this.#held.length === 2) {
      if (byte === code("[")) {
        this.#at = "csi";
        return;
      }
      if (STRING_OPENERS.has(byte)) {
        this.#at = "string";
        this.#held = [];
        return;
      }
    }
    if (byte < 0x30) return;
    // ESC Z asks for the terminal's identity as CSI c does; ESC \ alone ends a string that is gone.
    const dropped = this.#held.length === 2 && (byte === code("Z") || byte === code("\\"));
    if (!dropped) out.push(...this.#held);
    this.#end();
  }

  /**
   * Inside OSC, DCS, SOS, PM or APC everything is dropped until the string ends. A line feed ends it too: the terminal
   * never saw the opener, and a stray one in a dump of binary data must not blank the console for good.
   */
  #string(byte: number, out: Out): void {
    if (this.#at === "string-escape") {
      if (byte === code("\\")) {
        this.#end();
      } else {
        this.#begin("escape");
        this.#sequence(byte, out);
      }
    } else if (byte === ESC) {
      this.#at = "string-escape";
    } else if (byte === BEL || byte === CAN || byte === SUB || (byte === 0x9c && this.#held[0] === 0xc2)) {
      this.#end();
    } else if (byte === LF) {
      this.#end();
      out.push(byte);
    } else {
      this.#held = [byte];
    }
  }

  /** May the CSI that is held be shown? */
  #mayBeShown(): boolean {
    const final = this.#held.at(-1) ?? 0;
    const body = this.#held.slice(2, -1);
    const first = body[0] ?? 0;
    const last = body.at(-1) ?? 0;
    const prefix = PREFIXES.has(first) ? String.fromCharCode(first) : "";
    const intermediate = last >= 0x20 && last <= 0x2f ? String.fromCharCode(last) : "";
    const live = this.reader === "live-writer";
    switch (String.fromCharCode(final)) {
      case "c":
        return live;
      case "n":
        return live || (prefix !== "" && prefix !== "?");
      case "p":
        return live || intermediate !== "$";
      case "q":
        return prefix !== ">";
      case "m":
        return prefix !== "?";
      case "u":
        // Bare, it restores the cursor; with a prefix it asks for the keyboard protocol.
        return prefix === "" && intermediate === "";
      default:
        return !HARMFUL_FINALS.has(final);
    }
  }
}

/** Bytes that grow; a chunk seldom becomes longer than it came. */
class Out {
  #buffer: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(expected: number) {
    this.#buffer = new Uint8Array(expected + 16);
  }

  push(...bytes: number[]): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  copy(from: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    this.#buffer.set(from.subarray(start, end), this.#length);
    this.#length += end - start;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#buffer.length) return;
    const larger = new Uint8Array(2 * (this.#length + more));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}

/** Where the run of harmless bytes from `start` ends: text, controls but ENQ and ESC, whole UTF-8 but C1. */
function plainUntil(chunk: Uint8Array, start: number): number {
  let position = start;
  while (position < chunk.length) {
    const byte = byteAt(chunk, position);
    if (byte < 0x80) {
      if (byte === ESC || byte === ENQ) break;
      position += 1;
      continue;
    }
    const more = continuations(byte);
    if (more === 0 || !continues(chunk, position + 1, position + 1 + more)) break;
    if (byte === 0xc2 && byteAt(chunk, position + 1) < 0xa0) break;
    position += 1 + more;
  }
  return position;
}

/** Whether the chunk ends in the middle of the UTF-8 character that starts at `position`. */
function isUnfinished(chunk: Uint8Array, position: number): boolean {
  const more = continuations(byteAt(chunk, position));
  const there = chunk.length - position - 1;
  return there < more && continues(chunk, position + 1, chunk.length);
}

/** Bytes that follow this first byte of a UTF-8 character; 0 for one that begins none. */
function continuations(first: number): number {
  if (first >= 0xc2 && first <= 0xdf) return 1;
  if (first >= 0xe0 && first <= 0xef) return 2;
  if (first >= 0xf0 && first <= 0xf4) return 3;
  return 0;
}

function continues(chunk: Uint8Array, start: number, end: number): boolean {
  if (end > chunk.length) return false;
  for (let at = start; at < end; at += 1) {
    if ((byteAt(chunk, at) & 0xc0) !== 0x80) return false;
  }
  return true;
}

function byteAt(chunk: Uint8Array, at: number): number {
  return chunk[at] as number;
}

function code(letter: string): number {
  return letter.charCodeAt(0);
}

function codes(letters: string): ReadonlySet<number> {
  return new Set([...letters].map(code));
}
