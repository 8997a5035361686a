/** What firmware does to a terminal when a machine starts, made harmless to the lines that were there before. */

import { RESTORE } from "../protocol/hygiene";

/** Plain modes and an empty screen. */
const FRESH = new TextEncoder().encode(`${RESTORE}\x1b[2J\x1b[H`);

/**
 * Firmware begins with a full reset of the terminal (RIS), which would wipe the lines before it: those of the panic, when
 * the machine restarts. What it is for, plain modes and an empty screen, can be had without. The filter lets only whole
 * sequences out, so these two bytes together are nothing else.
 */
export function keepingHistory(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const resets: number[] = [];
  for (let at = bytes.indexOf(0x1b); at >= 0; at = bytes.indexOf(0x1b, at + 1)) {
    if (bytes[at + 1] === 0x63) resets.push(at);
  }
  if (resets.length === 0) return bytes;
  const whole = new Uint8Array(bytes.length + resets.length * (FRESH.length - 2));
  let from = 0;
  let to = 0;
  for (const at of [...resets, bytes.length]) {
    whole.set(bytes.subarray(from, at), to);
    to += at - from;
    from = at + 2;
    if (at < bytes.length) whole.set(FRESH, to);
    to += FRESH.length;
  }
  return whole;
}
