/**
 * The viewer's side of a console session, without the socket: the port of `ClientSession` in wire/console.py.
 *
 * It outlives its sockets: it knows the next byte it lacks and the typed bytes nobody confirmed, so that after any
 * drop it goes on where it was, neither showing nor typing a byte twice. Times are monotonic seconds.
 */

import {
  type Control,
  decode,
  encode,
  type Fields,
  type GapReason,
  MAX_PAYLOAD,
  type Notice,
  type Paste,
  ProtocolError,
  REPLAY_DEFAULT,
} from "./frames";

/** Typed bytes kept for sending again; who types more has to wait for the port. */
export const MAX_UNCONFIRMED = 256 * 1024;
/** After a longer drop unconfirmed keys are thrown away: typing them late could answer another question. */
export const RESEND_SECONDS = 10;

export type Mode = "write" | "observe";
/** `allow`, `decline` and `hand` name a session. */
export type Wish = "write" | "ask" | "allow" | "decline" | "hand" | "release";
export type Phase = "idle" | "opening" | "attached" | "lost" | "ended";

/** The console is there. `mode` is what was granted, which may be less than what was asked. */
export interface Attached {
  readonly kind: "attached";
  readonly mode: Mode;
  readonly resumed: boolean;
  readonly fields: Fields;
}

/** Guest output from `offset`; `live` is false for the replay of what was printed before. */
export interface Output {
  readonly kind: "output";
  readonly offset: number;
  readonly payload: Uint8Array;
  readonly live: boolean;
}

/** Output that cannot be had any more. `count` is null when nobody knows how much it is. */
export interface Missing {
  readonly kind: "missing";
  readonly start: number;
  readonly count: number | null;
  readonly reason: GapReason;
}

export interface Told {
  readonly kind: "told";
  readonly what: string;
  readonly fields: Fields;
}

export interface Ended {
  readonly kind: "ended";
  readonly code: string;
  readonly fields: Fields;
  readonly resumable: boolean;
}

/** `count` typed bytes may not have reached the guest and will not be sent again. */
export interface InputDropped {
  readonly kind: "inputDropped";
  readonly count: number;
}

export type SessionEvent = Attached | Output | Missing | Told | Ended | InputDropped;

export interface SessionOptions {
  readonly mode?: Mode;
  /** Bytes of the past to be shown first. */
  readonly replay?: number;
  /** What the audit calls this program. */
  readonly client?: string;
  /** What it takes beyond the first form of the protocol. */
  readonly takes?: readonly string[];
}

export class ClientSession {
  phase: Phase = "idle";
  mode: Mode;
  nextOffset: number | null = null;

  #wanted: Mode;
  readonly #replay: number;
  readonly #client: string;
  readonly #takes: readonly string[];
  #liveFrom = 0;
  #confirmed = 0;
  #unconfirmed = new Uint8Array(0);
  #lostAt: number | null = null;
  #outbox: Uint8Array<ArrayBuffer>[] = [];

  constructor({
    mode = "write",
    replay = REPLAY_DEFAULT,
    client = "portal",
    takes = [],
  }: SessionOptions = {}) {
    this.mode = mode;
    this.#wanted = mode;
    this.#replay = replay;
    this.#client = client;
    this.#takes = takes;
  }

  /** How many more bytes may be typed now. */
  get room(): number {
    if (this.phase !== "attached" || this.mode !== "write") return 0;
    return MAX_UNCONFIRMED - this.#unconfirmed.length;
  }

  /** What was asked for, whatever was granted. */
  get wanted(): Mode {
    return this.#wanted;
  }

  /** The socket may live, but the gateway has said that no agent is behind it. */
  get orphaned(): boolean {
    return this.#lostAt !== null;
  }

  /** The first message on a new socket. */
  open(ticket: string): string {
    this.#expect("idle", "lost");
    this.phase = "opening";
    this.#outbox = [];
    return JSON.stringify({
      ticket,
      mode: this.#wanted,
      resume: this.nextOffset,
      replay: this.#replay,
      client: this.#client,
      takes: this.#takes,
    });
  }

  /** Frames to send, in order. */
  outgoing(): Uint8Array<ArrayBuffer>[] {
    const frames = this.#outbox;
    this.#outbox = [];
    return frames;
  }

  /** Queue typed bytes; returns how many were taken, which is less than given when `room` is short. */
  type(keys: Uint8Array): number {
    const taken = keys.subarray(0, this.room);
    this.#queueInput(this.#end, taken);
    this.#unconfirmed = joined(this.#unconfirmed, taken);
    return taken.length;
  }

  /** Queue a wish: `write` takes the keyboard, `release` gives it back. */
  ask(verb: Wish, fields: Fields = {}): void {
    this.#expect("attached");
    if (verb === "write" || verb === "release") this.#wanted = verb === "write" ? "write" : "observe";
    this.#outbox.push(encode({ kind: "control", verb, fields }));
  }

  /** Queue a frame of a paste, for a far side that takes pastes. */
  put(frame: Control | Paste): void {
    this.#expect("attached");
    this.#outbox.push(encode(frame));
  }

  /** Queue a question whether anybody is still there: input without bytes, which is answered with an ACK. */
  probe(): void {
    this.#expect("attached");
    this.#outbox.push(encode({ kind: "input", offset: this.#end, payload: new Uint8Array(0) }));
  }

  /** The socket is gone without a CLOSE. */
  lost(now: number): void {
    if (this.phase === "ended") return;
    this.phase = "lost";
    this.#lostAt ??= now;
  }

  /** Events of one binary message. Throws ProtocolError when the other side breaks the rules. */
  receive(message: Uint8Array, now: number): SessionEvent[] {
    if (this.phase === "ended") return [];
    const frame = decode(message);
    if (frame.kind === "close") {
      this.phase = frame.resumable ? "lost" : "ended";
      if (frame.resumable) this.#lostAt ??= now;
      return [{ kind: "ended", code: frame.code, fields: frame.fields, resumable: frame.resumable }];
    }
    if (frame.kind === "notice") {
      return frame.what === "attached" ? this.#attached(frame.fields, now) : this.#told(frame, now);
    }
    this.#expect("attached");
    switch (frame.kind) {
      case "data":
        return this.#output(frame.offset, frame.payload);
      case "gap":
        return this.#gap(frame.start, frame.end, frame.reason);
      case "ack":
        return this.#ack(frame.offset);
      default:
        throw new ProtocolError(`unexpected ${frame.kind} from the gateway`);
    }
  }

  get #end(): number {
    return this.#confirmed + this.#unconfirmed.length;
  }

  #attached(fields: Fields, now: number): SessionEvent[] {
    // A stream that broke between gateway and agent is replaced under a living socket: this comes again.
    this.#expect("opening", "attached");
    const mode = modeOf(fields, "attached");
    const [offset, live, taken] = [count(fields, "offset"), count(fields, "live"), count(fields, "input")];
    const resumed = this.nextOffset !== null;
    this.nextOffset ??= offset;
    this.mode = mode;
    this.#liveFrom = live;
    this.phase = "attached";
    const events: SessionEvent[] = [{ kind: "attached", mode, resumed, fields }];
    events.push(...this.#settleInput(taken, now));
    this.#lostAt = null;
    return events;
  }

  /** Bring both counts of typed bytes together: send again what got lost, or say that it is gone. */
  #settleInput(taken: number, now: number): InputDropped[] {
    const end = this.#end;
    const late = this.#lostAt !== null && now - this.#lostAt > RESEND_SECONDS;
    if (this.#confirmed <= taken && taken <= end && !late && this.mode === "write") {
      this.#unconfirmed = this.#unconfirmed.slice(taken - this.#confirmed);
      this.#confirmed = taken;
      this.#queueInput(taken, this.#unconfirmed);
      return [];
    }
    const dropped = end - Math.min(Math.max(taken, this.#confirmed), end);
    this.#confirmed = taken;
    this.#unconfirmed = new Uint8Array(0);
    return dropped > 0 ? [{ kind: "inputDropped", count: dropped }] : [];
  }

  #told(notice: Notice, now: number): SessionEvent[] {
    if (notice.what === "alarm" && notice.fields["code"] === "AgentOffline") {
      // The socket lives but nothing is behind it: what is typed from now on grows old all the same.
      this.#lostAt ??= now;
    }
    if (notice.what === "writer" && "mode" in notice.fields) {
      // What it came to is also what is asked for after a drop: nobody steals back what he gave.
      this.mode = this.#wanted = modeOf(notice.fields, "writer");
    }
    return [{ kind: "told", what: notice.what, fields: notice.fields }];
  }

  #output(from: number, bytes: Uint8Array): SessionEvent[] {
    const next = this.nextOffset ?? from;
    const events: SessionEvent[] = [];
    if (from > next) events.push({ kind: "missing", start: next, count: from - next, reason: "trimmed" });
    const payload = from < next ? bytes.subarray(next - from) : bytes;
    const offset = Math.max(from, next);
    this.nextOffset = offset + payload.length;
    const old = Math.max(0, Math.min(payload.length, this.#liveFrom - offset));
    if (old > 0) events.push({ kind: "output", offset, payload: payload.subarray(0, old), live: false });
    if (old < payload.length) {
      events.push({ kind: "output", offset: offset + old, payload: payload.subarray(old), live: true });
    }
    return events;
  }

  #gap(start: number, end: number, reason: GapReason): SessionEvent[] {
    const next = this.nextOffset ?? start;
    if (end < next) return [];
    this.nextOffset = end;
    return [{ kind: "missing", start, count: end > start ? end - Math.max(start, next) : null, reason }];
  }

  #ack(offset: number): SessionEvent[] {
    if (offset < this.#confirmed || offset > this.#end) {
      throw new ProtocolError(`expected an input offset from ${this.#confirmed}, got ${offset}`);
    }
    this.#unconfirmed = this.#unconfirmed.slice(offset - this.#confirmed);
    this.#confirmed = offset;
    return [];
  }

  #queueInput(offset: number, keys: Uint8Array): void {
    for (let start = 0; start < keys.length; start += MAX_PAYLOAD) {
      const payload = keys.subarray(start, start + MAX_PAYLOAD);
      this.#outbox.push(encode({ kind: "input", offset: offset + start, payload }));
    }
  }

  #expect(...phases: Phase[]): void {
    if (phases.includes(this.phase)) return;
    throw new ProtocolError(`expected a session that is ${phases.join(" or ")}, it is ${this.phase}`);
  }
}

function modeOf(fields: Fields, notice: string): Mode {
  const mode = fields["mode"];
  if (mode === "write" || mode === "observe") return mode;
  throw new ProtocolError(`${notice} notice cannot be read: mode ${String(mode)}`);
}

function count(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new ProtocolError(`attached notice cannot be read: ${name} ${String(value)}`);
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}
