/** For tests: the gateway's end of a console socket, in memory. It speaks in frames, as the real one does. */

import type { World } from "./connection";
import type { Opening } from "./opening";
import { decode, encode, type Fields, type Frame } from "./protocol/frames";
import type { Reach } from "./reach";

/** The browser's end, as far as `Line` uses it. */
class MemorySocket {
  readonly CLOSED = 3;
  readyState = 0;
  binaryType = "";
  /** What the gateway has chosen. */
  protocol = "";
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  readonly sent: (string | Uint8Array)[] = [];
  closedWith: number | undefined;

  send(message: string | Uint8Array): void {
    this.sent.push(message);
  }

  close(code?: number): void {
    this.readyState = this.CLOSED;
    this.closedWith = code;
  }
}

export class FarSide {
  readonly socket = new MemorySocket();
  readonly opening: Opening;
  readonly subprotocols: string[];

  constructor(opening: Opening, subprotocols: string[]) {
    this.opening = opening;
    this.subprotocols = subprotocols;
  }

  /** The first message the viewer sent, as JSON, whichever way it came. */
  get first(): Record<string, unknown> {
    const early = this.subprotocols[1]?.replace("outofband.open.", "");
    if (early !== undefined) return JSON.parse(Buffer.from(early, "base64url").toString());
    return JSON.parse(String(this.socket.sent[0])) as Record<string, unknown>;
  }

  /** Frames the viewer sent. */
  get frames(): Frame[] {
    return this.socket.sent.filter((each) => typeof each !== "string").map(decode);
  }

  /** Typed bytes as text, in the order they came. */
  get typed(): string {
    const inputs = this.frames.filter((frame) => frame.kind === "input");
    return inputs.map((frame) => new TextDecoder().decode(frame.payload)).join("");
  }

  open(): void {
    this.socket.readyState = 1;
    this.socket.onopen?.();
  }

  send(frame: Frame): void {
    const bytes = encode(frame);
    this.socket.onmessage?.({ data: bytes.buffer });
  }

  attach(fields: Fields = {}): void {
    this.open();
    this.tell("attached", { mode: "write", offset: 0, live: 0, input: 0, writer: "me", ...fields });
  }

  tell(what: string, fields: Fields = {}): void {
    this.send({ kind: "notice", what, fields });
  }

  print(offset: number, text: string): void {
    this.send({ kind: "data", offset, payload: new TextEncoder().encode(text) });
  }

  close(
    code: string,
    { fields = {}, resumable = false }: { fields?: Fields; resumable?: boolean } = {},
  ): void {
    this.send({ kind: "close", code, fields, resumable });
  }

  /** The line breaks without a word. */
  drop(): void {
    this.socket.readyState = this.socket.CLOSED;
    this.socket.onclose?.();
  }
}

/** A world in which the test plays API, gateway, network and time. */
export class Stage implements World {
  readonly sides: FarSide[] = [];
  /** Session ids that tickets were asked with. */
  readonly asked: (string | null)[] = [];
  /** Thrown instead of a ticket, one an attempt; the last one stays. */
  refusals: unknown[] = [];
  ready = false;
  reach: Reach = "reachable";
  seconds = 0;
  /** Told with each ticket. */
  subprotocol: string | undefined;
  #last: Opening = { url: "", ticket: "", session: "" };
  readonly #host: string;

  constructor(host: string) {
    this.#host = host;
  }

  readonly now = (): number => this.seconds;

  readonly openingOf = async (_vmId: string, session: string | null): Promise<Opening> => {
    this.asked.push(session);
    const refusal = this.refusals.length > 1 ? this.refusals.shift() : this.refusals[0];
    if (refusal !== undefined) throw refusal;
    const number = this.sides.length + 1;
    this.#last = {
      url: `wss://${this.#host}/console/v1/${number}/client`,
      ticket: `ticket-${number}`,
      session: session ?? `session-${number}`,
      ...(this.subprotocol === undefined ? {} : { subprotocol: this.subprotocol }),
    };
    return this.#last;
  };

  readonly isReady = async (): Promise<boolean> => this.ready;

  readonly openSocket = (_url: string, subprotocols: string[]): WebSocket => {
    const side = new FarSide(this.#last, subprotocols);
    this.sides.push(side);
    return side.socket as unknown as WebSocket;
  };

  readonly reachOf = async (): Promise<Reach> => this.reach;

  /** The newest socket. */
  get side(): FarSide {
    const side = this.sides.at(-1);
    if (!side) throw new Error("no socket was opened");
    return side;
  }
}
