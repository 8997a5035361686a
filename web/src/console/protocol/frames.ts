/**
 * Console frames, one binary WebSocket message each: the port of wire/stream.py (docs/protocol/console.md).
 *
 * The first byte is the kind; integers are big-endian. Offsets are u64 on the wire and numbers here: a port that
 * printed 2^53 bytes would have done so for 25 000 years at 115200 baud, and a larger one is refused.
 */

/** Most bytes of output or input in one frame. */
export const MAX_PAYLOAD = 64 * 1024;
/** Largest legal message on a console socket. */
export const MAX_FRAME = MAX_PAYLOAD + 1024;
/** Bytes of the past a newcomer is shown. */
export const REPLAY_DEFAULT = 64 * 1024;

export const KIND = {
  data: 0x01,
  gap: 0x02,
  notice: 0x03,
  close: 0x04,
  ack: 0x05,
  input: 0x10,
  control: 0x11,
  paste: 0x12,
} as const;

/** Why output is missing: it fell out of the ring before it was read, or was never written (disk full). */
export type GapReason = "trimmed" | "lost";

export type Fields = Readonly<Record<string, unknown>>;

/** Guest output that starts at an absolute offset of the port's log. */
export interface Data {
  readonly kind: "data";
  readonly offset: number;
  readonly payload: Uint8Array;
}

/** Output `[start, end)` is not to be had. `start === end`: lost here, nobody knows how much. */
export interface Gap {
  readonly kind: "gap";
  readonly start: number;
  readonly end: number;
  readonly reason: GapReason;
}

/** Something the viewer should know. */
export interface Notice {
  readonly kind: "notice";
  readonly what: string;
  readonly fields: Fields;
}

/** Why the session ends. `resumable`: attaching again from the next offset makes sense. */
export interface Close {
  readonly kind: "close";
  readonly code: string;
  readonly fields: Fields;
  readonly resumable: boolean;
}

/** Typed bytes before `offset` were handed to the port. */
export interface Ack {
  readonly kind: "ack";
  readonly offset: number;
}

/** Typed bytes, numbered from 0 within the session. */
export interface Input {
  readonly kind: "input";
  readonly offset: number;
  readonly payload: Uint8Array;
}

/** Bytes of the paste that was begun, numbered from 0 within it. */
export interface Paste {
  readonly kind: "paste";
  readonly offset: number;
  readonly payload: Uint8Array;
}

/** A wish of the viewer: `write` takes the keyboard, `release` gives it back. */
export interface Control {
  readonly kind: "control";
  readonly verb: string;
  readonly fields: Fields;
}

export type Frame = Data | Gap | Notice | Close | Ack | Input | Control | Paste;

/** The other side broke the rules of the protocol. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

const HEAD = 9;
const GAP_SIZE = 18;
const REASONS: Readonly<Record<number, GapReason>> = { 1: "trimmed", 2: "lost" };
const NUMBERS: Readonly<Record<GapReason, number>> = { trimmed: 1, lost: 2 };
const HIGH_WORD = 2 ** 32;

export function encode(frame: Frame): Uint8Array<ArrayBuffer> {
  switch (frame.kind) {
    case "data":
    case "input":
    case "paste":
      return withOffset(KIND[frame.kind], frame.offset, frame.payload);
    case "ack":
      return withOffset(KIND.ack, frame.offset, NOTHING);
    case "gap": {
      const message = new Uint8Array(GAP_SIZE);
      const view = new DataView(message.buffer);
      message[0] = KIND.gap;
      putOffset(view, 1, frame.start);
      putOffset(view, 9, frame.end);
      message[17] = NUMBERS[frame.reason];
      return message;
    }
    case "notice":
      return withJson(KIND.notice, { what: frame.what, ...told(frame.fields) });
    case "close": {
      const resumable = frame.resumable ? { resumable: true } : {};
      return withJson(KIND.close, { code: frame.code, ...told(frame.fields), ...resumable });
    }
    case "control":
      return withJson(KIND.control, { verb: frame.verb, ...told(frame.fields) });
  }
}

/** Take a binary message apart. Throws ProtocolError when it is no legal frame. */
export function decode(message: Uint8Array): Frame {
  if (message.length === 0) throw new ProtocolError("expected a frame, got an empty message");
  if (message.length > MAX_FRAME) {
    throw new ProtocolError(`expected at most ${MAX_FRAME} bytes, got ${message.length}`);
  }
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  switch (view.getUint8(0)) {
    case KIND.data:
      return { kind: "data", offset: offsetAt(view, 1), payload: message.subarray(HEAD) };
    case KIND.input:
      return { kind: "input", offset: offsetAt(view, 1), payload: message.subarray(HEAD) };
    case KIND.paste:
      return { kind: "paste", offset: offsetAt(view, 1), payload: message.subarray(HEAD) };
    case KIND.ack:
      expectLength(message, HEAD);
      return { kind: "ack", offset: offsetAt(view, 1) };
    case KIND.gap:
      return gapOf(message, view);
    case KIND.notice: {
      const read = jsonOf(message);
      return { kind: "notice", what: text(read, "what"), fields: fieldsOf(read) };
    }
    case KIND.close: {
      const read = jsonOf(message);
      const resumable = read["resumable"] ?? false;
      if (typeof resumable !== "boolean") throw new ProtocolError("expected `resumable` to be true or false");
      return { kind: "close", code: text(read, "code"), fields: fieldsOf(read), resumable };
    }
    case KIND.control: {
      const read = jsonOf(message);
      return { kind: "control", verb: text(read, "verb"), fields: fieldsOf(read) };
    }
    default:
      throw new ProtocolError(`expected a known frame kind, got 0x${view.getUint8(0).toString(16)}`);
  }
}

const NOTHING = new Uint8Array(0);

function withOffset(kind: number, offset: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(HEAD + payload.length);
  message[0] = kind;
  putOffset(new DataView(message.buffer), 1, offset);
  message.set(payload, HEAD);
  return message;
}

function withJson(kind: number, value: object): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(value));
  const message = new Uint8Array(1 + json.length);
  message[0] = kind;
  message.set(json, 1);
  return message;
}

function told(fields: Fields): { fields?: Fields } {
  return Object.keys(fields).length === 0 ? {} : { fields };
}

function putOffset(view: DataView, at: number, offset: number): void {
  view.setUint32(at, Math.floor(offset / HIGH_WORD));
  view.setUint32(at + 4, offset % HIGH_WORD);
}

function offsetAt(view: DataView, at: number): number {
  if (view.byteLength < at + 8) {
    throw new ProtocolError(`expected ${at + 8} bytes at least, got ${view.byteLength}`);
  }
  const offset = view.getUint32(at) * HIGH_WORD + view.getUint32(at + 4);
  if (!Number.isSafeInteger(offset)) throw new ProtocolError("expected an offset below 2^53");
  return offset;
}

function gapOf(message: Uint8Array, view: DataView): Gap {
  expectLength(message, GAP_SIZE);
  const start = offsetAt(view, 1);
  const end = offsetAt(view, 9);
  if (start > end) throw new ProtocolError(`expected a gap that runs forward, got ${start}..${end}`);
  const reason = REASONS[view.getUint8(17)];
  if (reason === undefined) throw new ProtocolError(`unknown reason of a gap: ${view.getUint8(17)}`);
  return { kind: "gap", start, end, reason };
}

function expectLength(message: Uint8Array, size: number): void {
  if (message.length !== size) throw new ProtocolError(`expected ${size} bytes, got ${message.length}`);
}

function jsonOf(message: Uint8Array): Record<string, unknown> {
  let read: unknown;
  try {
    read = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(message.subarray(1)));
  } catch (error) {
    throw new ProtocolError(`frame cannot be read: ${String(error)}`);
  }
  if (!isRecord(read)) throw new ProtocolError("expected a JSON object");
  return read;
}

function text(read: Record<string, unknown>, name: string): string {
  const value = read[name];
  if (typeof value !== "string") throw new ProtocolError(`expected \`${name}\` to be text`);
  return value;
}

function fieldsOf(read: Record<string, unknown>): Fields {
  const fields = read["fields"] ?? {};
  if (!isRecord(fields) || read["fields"] === null)
    throw new ProtocolError("expected `fields` to be an object");
  return fields;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
