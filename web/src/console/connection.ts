/**
 * One person at one console over the network: connects, comes back after every drop, hands on what happens. The rules are
 * in protocol/, a socket's life is in line.ts; here are the waiting and the order of things (as in client/console.py).
 */

import { type ApiError, explained, isAbort } from "../api/errors";
import { createStore, type Store } from "../store";
import type { Clock } from "./clock";
import { faultOf } from "./faults";
import { Line, type Outcome } from "./line";
import type { Opening } from "./opening";
import { Backoff } from "./protocol/backoff";
import type { Control, Paste } from "./protocol/frames";
import { Pasting, progressOf } from "./protocol/pasting";
import { ClientSession, type Ended, type Mode, type SessionEvent, type Wish } from "./protocol/session";
import { listenerAddress, type Reach } from "./reach";
import { BEGINNING, changeBy, type Snapshot } from "./snapshot";

/** How often a temporary refusal is met, before anything was shown, until the person is told of it. */
export const FIRST_TRIES = 4;
/** How often a socket may fail to open where one opened before, until the way to the listener is in doubt. */
export const UNOPENED_TRIES = 4;
/** A socket that lived this long was a good one: after it the waiting begins anew. */
const STABLE_SECONDS = 5;
/** Beyond the first form of the protocol. */
const TAKES = ["paste", "state"];
/** Typed bytes that wait here until the port took those before them: a large paste. */
export const MAX_BACKLOG = 1024 * 1024;
/** Between two looks at what stands in the way; seldom when nobody watches. */
export const LOOK_SECONDS = 2;
const HIDDEN_SECONDS = 30;
/** Between two attempts where there is nothing to look at. */
const BUSY_SECONDS = 15;
/** States of the VM and its host that can be looked at until they have changed. */
const WATCHED: ReadonlySet<string> = new Set(["VmNotRunning", "VmProvisioning", "AgentOffline"]);

/** Where events go, in order. `behind` while no more output should come; `caughtUp` settles when it may again. */
export interface Sink {
  event(event: SessionEvent, mode: Mode): void;
  readonly behind: boolean;
  caughtUp(): Promise<void>;
}

/** The world, so that tests can have another one. */
export interface World {
  openingOf(vmId: string, session: string | null, signal: AbortSignal): Promise<Opening>;
  isReady(vmId: string, signal: AbortSignal): Promise<boolean>;
  openSocket(url: string, subprotocols: string[]): WebSocket;
  reachOf(url: string): Promise<Reach>;
  readonly now: Clock;
}

type Attempt = Outcome | { readonly kind: "refused"; readonly fault: ApiError };
/** Why a wait is over. */
type Woken = "time" | "revived" | "retry";

/** Listeners that a socket opened to since the page was loaded: their certificate is trusted. */
const reached = new Set<string>();

export class ConsoleConnection {
  readonly store: Store<Snapshot> = createStore(BEGINNING);

  readonly #vmId: string;
  readonly #sink: Sink;
  readonly #world: World;
  #session: ClientSession;
  #line: Line | null = null;
  #id: string | null = null;
  #url = "";
  #attachedAt: number | null = null;
  #backlog = new Uint8Array(0);
  readonly #pasting = new Pasting((frame) => this.#put(frame));
  #ending = new AbortController();
  #wake: (why: Woken) => void = () => {};

  constructor(vmId: string, mode: Mode, sink: Sink, world: World) {
    this.#vmId = vmId;
    this.#sink = sink;
    this.#world = world;
    this.#session = new ClientSession({ mode, takes: TAKES });
  }

  get mayType(): boolean {
    return this.#session.phase === "attached" && this.#session.mode === "write";
  }

  /** Connect, and stay until `leave`, or until the other side ends it. */
  start(): void {
    this.#ending = new AbortController();
    this.#set({ status: { kind: "connecting" } });
    this.#stay(this.#ending.signal).catch((thrown: unknown) => {
      this.#set({ status: { kind: "ended", fault: explained(thrown) }, others: [] });
    });
  }

  /** After an end: a new session, which goes on at the next byte. */
  startAgain(mode: Mode): void {
    this.leave();
    this.#id = null;
    this.#renew(mode);
    this.start();
  }

  /** End it for good, whatever it is waiting for. */
  leave(): void {
    this.#ending.abort();
    this.#wake("retry");
    this.#line?.leave();
    this.#line = null;
    this.dropBacklog();
    this.#set({ status: { kind: "left" }, others: [] });
  }

  /** Do not wait any longer, try now. */
  retry(): void {
    this.#wake("retry");
  }

  /** The network or the page came back: what waits looks now, a line that may be dead is asked. */
  revive(): void {
    if (this.#line) this.#line.check();
    else this.#wake("revived");
  }

  /** Queue typed bytes; returns how many were taken: none without a connection or the keyboard. */
  type(keys: Uint8Array): number {
    if (!this.mayType) return 0;
    const taken = keys.subarray(0, MAX_BACKLOG - this.#backlog.length);
    const waiting = new Uint8Array(this.#backlog.length + taken.length);
    waiting.set(this.#backlog);
    waiting.set(taken, this.#backlog.length);
    this.#backlog = waiting;
    this.#pump();
    return taken.length;
  }

  /** Throw away what was typed (pasted) and not taken yet; returns how many bytes. */
  dropBacklog(): number {
    const count = this.#backlog.length;
    this.#backlog = new Uint8Array(0);
    this.#set({ backlog: 0 });
    return count;
  }

  /** Have the agent type a text as the guest takes it; false where no agent does that, or one is under way. */
  paste(text: string): boolean {
    if (!this.mayType || !this.#pasting.takes || this.#pasting.active) return false;
    this.#pasting.begin(new TextEncoder().encode(text));
    this.#tellPaste();
    return true;
  }

  controlPaste(event: "pause" | "resume" | "abort"): void {
    this.#pasting.control(event);
  }

  #put(frame: Control | Paste): boolean {
    if (this.#session.phase !== "attached") return false;
    this.#session.put(frame);
    this.#line?.flush();
    return true;
  }

  #tellPaste(): void {
    this.#set({ paste: this.#pasting.progress });
  }

  /** A wish about the keyboard, which may name a session; false while there is no connection. */
  ask(verb: Wish, session?: string): boolean {
    if (this.#session.phase !== "attached") return false;
    this.#session.ask(verb, session === undefined ? {} : { session });
    this.#line?.flush();
    return true;
  }

  /** Socket after socket, until the session's end. */
  async #stay(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff({ first: 0.2, limit: 5 });
    let refusals = 0;
    let unopened = 0;
    while (!signal.aborted) {
      const attempt = await this.#attempt(signal, unopened === 0);
      if (signal.aborted) return;
      const end = this.#endOf(attempt);
      if (end !== null) {
        this.#set({ status: { kind: "ended", fault: end }, others: [] });
        return;
      }
      if (attempt.kind === "swamped") {
        this.#set({ status: { kind: "catchingUp" } });
        await this.#sink.caughtUp();
        continue;
      }
      const lived = this.#attachedAt === null ? 0 : this.#world.now() - this.#attachedAt;
      if (lived >= STABLE_SECONDS) backoff.reset();
      if (this.#attachedAt === null) refusals += 1;
      unopened = attempt.kind === "cut" && !attempt.opened ? unopened + 1 : 0;
      if (unopened > 0 && (await this.#regain(unopened, signal))) {
        unopened = refusals = 0;
        continue;
      }
      const fault = this.#faultOf(attempt);
      if (this.#isTemporary(fault, refusals)) {
        this.#set({ status: this.#id === null ? { kind: "connecting" } : { kind: "lost", fault } });
        await (WATCHED.has(fault.code) && this.#id !== null
          ? this.#untilReady(signal)
          : this.#pause(backoff.next(), signal));
      } else {
        await this.#refused(fault, signal);
        refusals = 0;
      }
    }
  }

  /** From a ticket to the end of one socket. Not `early`: something on the way may not like a subprotocol. */
  async #attempt(signal: AbortSignal, early: boolean): Promise<Attempt> {
    this.#attachedAt = null;
    const { openingOf, openSocket, now } = this.#world;
    let opening: Opening;
    try {
      opening = await openingOf(this.#vmId, this.#id, signal);
    } catch (thrown) {
      return { kind: "refused", fault: explained(thrown) };
    }
    if (signal.aborted) return { kind: "cut", opened: false };
    this.#url = opening.url;
    const session = this.#session;
    const heard = (events: readonly SessionEvent[]): boolean => this.#heard(events, opening.session);
    const subprotocol = early ? opening.subprotocol : undefined;
    const line = new Line({ ...opening, subprotocol, session, now, openSocket, heard });
    this.#line = line;
    const outcome = await line.done;
    session.lost(line.brokenSince);
    this.#pasting.lost(this.#world.now());
    if (this.#line === line) this.#line = null;
    return outcome;
  }

  #heard(events: readonly SessionEvent[], id: string): boolean {
    reached.add(new URL(this.#url).host);
    const { mode, phase } = this.#session;
    for (const event of events) {
      if (phase === "attached" && this.#attachedAt === null) {
        this.#id = id;
        this.#attachedAt = this.#world.now();
      }
      const told =
        event.kind === "inputDropped" ? { ...event, count: event.count + this.dropBacklog() } : event;
      this.#sink.event(told, mode);
      if (event.kind === "attached") this.#pasting.attached(event.fields, this.#world.now());
      if (event.kind === "told" && event.what === "paste") this.#pasting.told(progressOf(event.fields));
      // The socket lives, and nothing is behind it.
      if (event.kind === "told" && event.what === "alarm" && event.fields["code"] === "AgentOffline")
        this.#pasting.lost(this.#world.now());
      this.#tellPaste();
      this.#set(changeBy(event, this.store.get(), mode));
    }
    if (phase === "attached" && mode !== "write") {
      const count = this.dropBacklog();
      if (count > 0) this.#sink.event({ kind: "inputDropped", count }, mode);
    } else {
      this.#pump();
    }
    return this.#sink.behind;
  }

  #pump(): void {
    if (this.#backlog.length > 0) {
      const taken = this.#session.type(this.#backlog.subarray(0, this.#session.room));
      this.#backlog = this.#backlog.slice(taken);
      this.#line?.flush();
    }
    this.#set({ backlog: this.#backlog.length });
  }

  /** The fault that ends the session for good, null when it may go on. */
  #endOf(attempt: Attempt): ApiError | null {
    if (attempt.kind === "violated") return this.#faultOf(attempt);
    if (attempt.kind !== "ended" || attempt.resumable) return null;
    return this.#mayPass(attempt) ? null : this.#faultOf(attempt);
  }

  /** An end that came before anything was shown, and that a second attempt may not meet. */
  #mayPass(ended: Ended): boolean {
    if (this.#attachedAt !== null || !faultOf(ended.code).retryable) return false;
    this.#renew(this.#session.wanted);
    return true;
  }

  /** A new session in place of an ended one, from the same byte. Keys nobody confirmed are not typed in it. */
  #renew(mode: Mode): void {
    const next = this.#session.nextOffset;
    this.#session = new ClientSession({ mode, takes: TAKES });
    this.#session.nextOffset = next;
  }

  #faultOf(attempt: Exclude<Attempt, { kind: "swamped" }>): ApiError {
    if (attempt.kind === "refused") return attempt.fault;
    if (attempt.kind === "ended") return faultOf(attempt.code, attempt.fields);
    if (attempt.kind === "violated") return faultOf("ProtocolViolated", { detail: attempt.detail });
    const detail = attempt.opened ? "the connection was cut" : "it answers, but no WebSocket gets through";
    return faultOf("ConsoleUnreachable", { url: listenerAddress(this.#url, ""), detail });
  }

  /** Worth another attempt without a word to the person, or with the mere word that it was lost. */
  #isTemporary(fault: ApiError, refusals: number): boolean {
    if (this.#id === null) return fault.retryable && refusals < FIRST_TRIES;
    return fault.retryable || WATCHED.has(fault.code);
  }

  /** Tell the person, and wait until what stood in the way has changed or he wants to try again. */
  async #refused(fault: ApiError, signal: AbortSignal): Promise<void> {
    const watched = WATCHED.has(fault.code);
    const waits = watched || fault.retryable;
    this.#set({ status: { kind: "refused", fault, waits } });
    if (watched) await this.#untilReady(signal);
    else if (waits) await this.#pause(BUSY_SECONDS, signal);
    else while ((await this.#pause(Number.POSITIVE_INFINITY, signal)) !== "retry");
    if (!signal.aborted) this.#set({ status: { kind: "connecting" } });
  }

  /**
   * A socket did not open although the API answers. Finds out whether the listener can be reached; if not, says so and
   * waits until it can. False when there is nothing to say about it (yet).
   */
  async #regain(unopened: number, signal: AbortSignal): Promise<boolean> {
    const listener = this.#url;
    if (reached.has(new URL(listener).host) && unopened < UNOPENED_TRIES) return false;
    let reach = await this.#world.reachOf(listener);
    if (reach === "reachable") return false;
    while (!signal.aborted) {
      this.#set({ status: { kind: "unreachable", listener, reach } });
      await this.#pause(pace(LOOK_SECONDS), signal);
      reach = await this.#world.reachOf(listener);
      if (reach !== "reachable") continue;
      this.#set({ status: { kind: "connecting" } });
      return true;
    }
    return false;
  }

  /** Until the state of VM and host has room for a console, as far as that can be seen, or the person wants to try. */
  async #untilReady(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if ((await this.#pause(pace(LOOK_SECONDS), signal)) === "retry") return;
      try {
        if (await this.#world.isReady(this.#vmId, signal)) return;
      } catch (thrown) {
        // A VM that cannot be read (any more) is told of by the next attempt; a server that is away is waited for.
        if (isAbort(thrown) || !explained(thrown).retryable) return;
      }
    }
  }

  #pause(seconds: number, signal: AbortSignal): Promise<Woken> {
    return new Promise((resolve) => {
      const timer = Number.isFinite(seconds) ? setTimeout(() => resolve("time"), seconds * 1000) : undefined;
      this.#wake = (why) => {
        clearTimeout(timer);
        resolve(why);
      };
      if (signal.aborted) this.#wake("retry");
    });
  }

  #set(change: Partial<Snapshot>): void {
    const before = this.store.get();
    const keys = Object.keys(change) as (keyof Snapshot)[];
    if (keys.some((key) => before[key] !== change[key])) this.store.set({ ...before, ...change });
  }
}

function pace(seconds: number): number {
  return document.hidden ? HIDDEN_SECONDS : seconds;
}
