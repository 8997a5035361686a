/** The port against what wire/ made of the same bytes (tests/support/console_vectors.py). */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { decode, encode, type Frame, ProtocolError } from "./frames";
import { Hygiene, type Reader } from "./hygiene";
import { ClientSession, type Mode } from "./session";

interface Step {
  do: "open" | "receive" | "outgoing" | "type" | "ask" | "lost";
  now: number;
  message: string;
  keys: string;
  verb: "write" | "release";
  error?: true;
  state: [phase: string, mode: string, next: number | null, room: number];
}

interface Vectors {
  frames: { hex: string; frame: Record<string, unknown> }[];
  broken: string[];
  hygiene: { reader: Reader; chunks: string[]; clean: string[] }[];
  conversations: { mode: Mode; steps: Step[] }[];
}

const file = resolve(import.meta.dirname, "../../../../tests/support/console_vectors.json");
const vectors: Vectors = JSON.parse(readFileSync(file, "utf8"));

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** As the vectors write it: bytes in hexadecimal. */
function plain<T extends object>(value: T): object {
  const entries = Object.entries(value).map(([key, each]) => [
    key,
    each instanceof Uint8Array ? toHex(each) : each,
  ]);
  return Object.fromEntries(entries);
}

test.each(vectors.frames)("frame $frame.kind $hex is read and written alike", ({ hex, frame }) => {
  const read = decode(fromHex(hex));
  expect(plain(read)).toEqual(frame);
  const again: Frame = read;
  expect(decode(encode(again))).toEqual(read);
  if (!("fields" in frame)) expect(toHex(encode(read))).toBe(hex);
});

test.each(vectors.broken)("message '%s' is refused", (hex) => {
  expect(() => decode(fromHex(hex))).toThrow(ProtocolError);
});

test("an offset beyond what a number holds is refused, not rounded", () => {
  expect(() => decode(fromHex("050020000000000000"))).toThrow("below 2^53");
});

test.each(vectors.hygiene.map((vector, index) => ({ index, ...vector })))(
  "hygiene $index for a $reader",
  ({ reader, chunks, clean }) => {
    const hygiene = new Hygiene(reader);
    expect(chunks.map((chunk) => toHex(hygiene.clean(fromHex(chunk))))).toEqual(clean);
  },
);

test.each(vectors.conversations.map((each, index) => ({ index, ...each })))(
  "conversation $index",
  ({ mode, steps }) => {
    const session = new ClientSession({ mode });
    steps.forEach((step, number) => {
      const { do: _, now, message, keys, verb, state, ...expected } = step;
      const [phase, granted, next, room] = state;
      expect(perform(session, step), `step ${number}: ${step.do}`).toEqual(expected);
      expect([session.phase, session.mode, session.nextOffset, session.room], `after ${number}`).toEqual([
        phase,
        granted,
        next,
        room,
      ]);
    });
  },
);

function perform(session: ClientSession, step: Step): object {
  try {
    switch (step.do) {
      case "open":
        return { first: JSON.parse(session.open("ticket")) };
      case "receive":
        return { events: session.receive(fromHex(step.message), step.now).map(plain) };
      case "outgoing":
        return { frames: session.outgoing().map(toHex) };
      case "type":
        return { taken: session.type(fromHex(step.keys)) };
      case "ask":
        session.ask(step.verb);
        return {};
      case "lost":
        session.lost(step.now);
        return {};
    }
  } catch (error) {
    if (error instanceof ProtocolError) return { error: true };
    throw error;
  }
}
