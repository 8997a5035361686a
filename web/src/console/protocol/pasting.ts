/**
 * A paste from the viewer's side, as client/pasting.py: sends ahead of what the agent types, and goes on after a drop.
 * The agent paces it by the guest's echo (docs/protocol/console.md).
 */

import type { Control, Fields, Paste } from "./frames";
import { RESEND_SECONDS } from "./session";

/** Bytes that may be sent beyond those that were typed. */
export const AHEAD = 64 * 1024;
const PIECE = 16 * 1024;

export interface Progress {
  readonly id: string;
  readonly state: "typing" | "paused" | "done" | "ended";
  readonly size: number;
  readonly received: number;
  readonly typed: number;
  /** The guest is seen to echo. */
  readonly echo: boolean;
  /** Of a pause or an end. */
  readonly why: string | null;
  readonly verdict: string | null;
  readonly at: number | null;
}

export class Pasting {
  progress: Progress | null = null;
  /** The far side takes pastes. */
  takes = false;

  readonly #put: (frame: Control | Paste) => void;
  #keys = new Uint8Array(0);
  #sent = 0;
  #awaySince: number | null = null;

  constructor(put: (frame: Control | Paste) => void) {
    this.#put = put;
  }

  get active(): boolean {
    return this.progress?.state === "typing" || this.progress?.state === "paused";
  }

  begin(keys: Uint8Array<ArrayBuffer>): void {
    this.#keys = keys;
    this.#sent = 0;
    const id = crypto.randomUUID();
    const size = keys.length;
    this.progress = { ...NOTHING, id, size };
    this.#put({ kind: "control", verb: "paste", fields: { event: "begin", id, size } });
    this.#send();
  }

  control(event: "pause" | "resume" | "abort"): void {
    if (!this.active || this.progress === null) return;
    this.#put({ kind: "control", verb: "paste", fields: { event, id: this.progress.id } });
  }

  lost(now: number): void {
    this.#awaySince ??= now;
  }

  attached(fields: Fields, now: number): void {
    this.takes = fields["paste"] === true;
    const away = this.#awaySince;
    this.#awaySince = null;
    if (!this.active || this.progress === null) return;
    const told = progressOf(fields["pasting"]);
    if (told?.id !== this.progress.id) {
      // The agent does not know it any more: it was started anew, or the keyboard is another's.
      this.progress = { ...this.progress, state: "ended", why: "keyboardLost" };
      return;
    }
    this.told(told);
    if (told.why === "viewerGone" && (away === null || now - away <= RESEND_SECONDS)) {
      // What was sent and not received went with the socket.
      this.#sent = told.received;
      this.control("resume");
      this.#send();
    }
  }

  told(told: Progress | null): void {
    if (told === null || told.id !== this.progress?.id) return;
    this.progress = told;
    if (told.state === "paused") this.#sent = Math.max(this.#sent, told.received);
    if (this.active) this.#send();
  }

  #send(): void {
    const limit = Math.min((this.progress?.typed ?? 0) + AHEAD, this.#keys.length);
    while (this.#sent < limit) {
      const payload = this.#keys.subarray(this.#sent, Math.min(this.#sent + PIECE, limit));
      this.#put({ kind: "paste", offset: this.#sent, payload });
      this.#sent += payload.length;
    }
  }
}

const NOTHING: Progress = {
  id: "",
  state: "typing",
  size: 0,
  received: 0,
  typed: 0,
  echo: true,
  why: null,
  verdict: null,
  at: null,
};

/** The fields of a NOTICE `paste`; null when they cannot be read. */
export function progressOf(value: unknown): Progress | null {
  if (typeof value !== "object" || value === null) return null;
  const read: Progress = { ...NOTHING, ...value };
  return typeof read.id === "string" && typeof read.typed === "number" ? read : null;
}
