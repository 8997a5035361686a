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

export type Wish = "pause" | "resume" | "abort";

export class Pasting {
  progress: Progress | null = null;
  /** The far side takes pastes. */
  takes = false;

  readonly #put: (frame: Control | Paste) => boolean;
  #keys = new Uint8Array(0);
  #sent = 0;
  #awaySince: number | null = null;
  /** What was wished last, until the agent is seen to have heard it. */
  #wish: Wish | null = null;

  /** `put` sends a frame; false while there is no connection. */
  constructor(put: (frame: Control | Paste) => boolean) {
    this.#put = put;
  }

  get active(): boolean {
    return this.progress?.state === "typing" || this.progress?.state === "paused";
  }

  begin(keys: Uint8Array<ArrayBuffer>): void {
    this.#keys = keys;
    this.#sent = 0;
    this.#wish = null;
    const id = crypto.randomUUID();
    const size = keys.length;
    this.progress = { ...NOTHING, id, size };
    this.#put({ kind: "control", verb: "paste", fields: { event: "begin", id, size } });
    this.#send();
  }

  /** What is wished while the line is away is said once it is back. */
  control(event: Wish): void {
    if (!this.active || this.progress === null) return;
    if (this.#wish !== "abort") this.#wish = event;
    if (this.#awaySince !== null) return;
    const fields = { event: this.#wish ?? event, id: this.progress.id };
    this.#put({ kind: "control", verb: "paste", fields });
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
      // Its agent is gone, or its begin was lost or is still on its way: the answer to this comes after that.
      this.control("abort");
      return;
    }
    this.progress = told;
    // What was sent and not received went with the stream.
    this.#sent = told.received;
    const short = away === null || now - away <= RESEND_SECONDS;
    if (this.#wish !== null) this.control(this.#wish);
    else if (told.state === "paused" && told.why === "viewerGone" && short) this.control("resume");
    this.#send();
  }

  told(told: Progress | null): void {
    if (told === null || told.id !== this.progress?.id || !this.active) return;
    // Of one that it does not know the agent cannot say how far it came: what it said last stands.
    const unknown = told.why === "unknown";
    this.progress = unknown ? { ...this.progress, state: "ended", why: told.why } : told;
    if (this.#wish === "pause" && told.state === "paused") this.#wish = null;
    if (this.#wish === "resume" && told.state === "typing") this.#wish = null;
    this.#send();
  }

  #send(): void {
    if (!this.active || this.#awaySince !== null) return;
    const limit = Math.min((this.progress?.typed ?? 0) + AHEAD, this.#keys.length);
    while (this.#sent < limit) {
      const payload = this.#keys.subarray(this.#sent, Math.min(this.#sent + PIECE, limit));
      if (!this.#put({ kind: "paste", offset: this.#sent, payload })) return;
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
