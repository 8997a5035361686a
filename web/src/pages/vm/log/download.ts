/** The bytes of a log as the guest printed them, in pieces, as one file. */

import { saveAs } from "../../shared/saveAs";
import { askLog } from "./useLog";

export async function downloadLog(
  id: string,
  name: string,
  told: (part: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let from = 0;
  let end: number | undefined;
  for (;;) {
    const page = await askLog(id, { from, raw: true }, signal);
    pieces.push(Uint8Array.from(atob(page.data ?? ""), (letter) => letter.charCodeAt(0)));
    from = page.next;
    // As far as it was at first: a guest that prints faster than this reads would make it endless.
    end ??= page.end;
    told(Math.min(1, (page.next - page.start) / Math.max(1, end - page.start)));
    if (!page.more || page.next >= end) break;
  }
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  saveAs(`${name}-serial.log`, whole, "application/octet-stream");
}
