/** The first message in the request for the socket: a page has no other header of its own (docs/protocol/console.md). */

export const SUBPROTOCOL = "outofband.console.v1";
const OPEN = "outofband.open.";
const MAX_OFFERED = 4096;

/** Subprotocols to ask for, with the first message in them; none where it is too long for a header. */
export function offer(first: string): string[] {
  if (first.length > MAX_OFFERED) return [];
  const bytes = new TextEncoder().encode(first);
  const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return [SUBPROTOCOL, OPEN + base64.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "")];
}
