/** One socket of a console session, from its opening to its end, and the watch over whether it still lives. */

import type { Clock } from "./clock";
import { offer, SUBPROTOCOL } from "./protocol/early";
import { ProtocolError } from "./protocol/frames";
import type { ClientSession, Ended, SessionEvent } from "./protocol/session";

export const OPEN_SECONDS = 10;
/** The gateway pings, but a page does not see that: after this silence it asks for a sign of life itself. */
export const QUIET_SECONDS = 15;
/** What the answer may take. */
export const ANSWER_SECONDS = 10;
/** While no agent is there nobody answers; the gateway itself gives up after 30 s. */
export const DEAD_SECONDS = 45;
const SWEEP_SECONDS = 5;
const NORMAL = 1000;
/** Any other code than 1000 tells the gateway that the person means to come back. */
const RETURNING = 4000;

/** How a socket ended. `cut`: without a word; `swamped`: more came than can be shown, it was closed from here. */
export type Outcome =
  | Ended
  | { readonly kind: "cut"; readonly opened: boolean }
  | { readonly kind: "violated"; readonly detail: string }
  | { readonly kind: "swamped" };

export interface LineOptions {
  readonly url: string;
  readonly ticket: string;
  readonly subprotocol?: string | undefined;
  readonly session: ClientSession;
  readonly now: Clock;
  /** Called for each message; true when no more can be taken now. */
  readonly heard: (events: readonly SessionEvent[]) => boolean;
  readonly openSocket: (url: string, subprotocols: string[]) => WebSocket;
}

export class Line {
  readonly done: Promise<Outcome>;

  readonly #options: LineOptions;
  readonly #socket: WebSocket;
  readonly #first: string;
  readonly #settle: (outcome: Outcome) => void;
  readonly #sweep: ReturnType<typeof setInterval>;
  #opened = false;
  #heardAt: number;
  #askedAt: number | null = null;
  #owedAt: number | null = null;

  constructor(options: LineOptions) {
    this.#options = options;
    this.#heardAt = options.now();
    const { promise, resolve } = withResolver<Outcome>();
    this.done = promise;
    this.#settle = resolve;
    this.#first = options.session.open(options.ticket);
    const early = options.subprotocol === SUBPROTOCOL ? offer(this.#first) : [];
    const socket = options.openSocket(options.url, early);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#open();
    socket.onmessage = (event: MessageEvent<unknown>) => this.#receive(event.data);
    socket.onclose = () => this.#cut();
    this.#sweep = setInterval(() => this.#watch(), SWEEP_SECONDS * 1000);
  }

  /**
   * Since when nothing more got through, for a line that turned out to be broken: since the first thing was sent that
   * nothing came back after. A computer that slept notices the break only when it wakes.
   */
  get brokenSince(): number {
    return this.#owedAt ?? this.#options.now();
  }

  /** Send what the session has queued. */
  flush(): void {
    if (!this.#opened) return;
    for (const frame of this.#options.session.outgoing()) {
      this.#owedAt ??= this.#options.now();
      this.#socket.send(frame);
    }
  }

  /** Leave for good: what was typed before goes first, and the keyboard is free at once. */
  leave(): void {
    this.flush();
    this.#end({ kind: "cut", opened: this.#opened }, NORMAL);
  }

  /** Something happened (the network came back, the computer woke) after which a dead line often looks alive. */
  check(): void {
    if (this.#askedAt === null) this.#ask();
  }

  #open(): void {
    this.#opened = true;
    this.#heardAt = this.#options.now();
    if (this.#socket.protocol !== SUBPROTOCOL) this.#socket.send(this.#first);
  }

  #receive(message: unknown): void {
    const { session, now, heard } = this.#options;
    this.#heardAt = now();
    this.#askedAt = this.#owedAt = null;
    if (!(message instanceof ArrayBuffer)) {
      this.#end({ kind: "violated", detail: "expected binary messages" });
      return;
    }
    let events: readonly SessionEvent[];
    try {
      events = session.receive(new Uint8Array(message), this.#heardAt);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#end({ kind: "violated", detail: error.message });
      return;
    }
    const swamped = heard(events);
    // What was received may have queued frames of its own: unconfirmed keys are sent again.
    this.flush();
    const ended = events.find((event) => event.kind === "ended");
    if (ended) this.#end(ended, NORMAL);
    else if (swamped) this.#end({ kind: "swamped" });
  }

  #watch(): void {
    const { now } = this.#options;
    const silence = now() - this.#heardAt;
    if (this.#canAnswer) {
      if (this.#askedAt === null && silence >= QUIET_SECONDS) this.#ask();
      else if (this.#askedAt !== null && now() - this.#askedAt >= ANSWER_SECONDS) this.#cut();
    } else if (silence >= (this.#opened ? DEAD_SECONDS : OPEN_SECONDS)) {
      this.#cut();
    }
  }

  /** Whether there is somebody at the far end who answers: an agent, behind the gateway. */
  get #canAnswer(): boolean {
    const { session } = this.#options;
    return this.#opened && session.phase === "attached" && !session.orphaned;
  }

  #ask(): void {
    if (!this.#canAnswer) return;
    this.#askedAt = this.#options.now();
    this.#options.session.probe();
    this.flush();
  }

  #cut(): void {
    this.#end({ kind: "cut", opened: this.#opened });
  }

  #end(outcome: Outcome, code: number = RETURNING): void {
    clearInterval(this.#sweep);
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    if (socket.readyState !== socket.CLOSED) socket.close(code);
    this.#settle(outcome);
  }
}

function withResolver<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
