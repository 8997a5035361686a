/** One line, typed into several consoles: looked at before each, followed after it. */

import type { Clock } from "../clock";
import type { Seat } from "../seat";
import type { Status } from "../snapshot";
import { Answer, type Outcome } from "./answer";
import { type Obstacle, obstacleOf, type Reader } from "./checks";
import { cleaned, linesOf, openLineOf } from "./lines";

/** How a console stands before: why it is left out, and what it shows last. */
export interface Before {
  readonly obstacle: Obstacle | null;
  readonly lastLine: string;
}

/** What became of a line at one console. */
export type After =
  | { readonly kind: "leftOut"; readonly obstacle: Obstacle }
  /** It was ready, and did not take the line all the same. */
  | { readonly kind: "notTaken" }
  | { readonly kind: "typed"; readonly outcome: Outcome; readonly lastLine: string };

export function lookAt(seat: Seat, wanted: Reader): Before {
  const text = cleaned(seat.newest);
  const snapshot = seat.connection.store.get();
  return {
    obstacle: obstacleOf({ snapshot, openLine: openLineOf(text) }, wanted),
    lastLine: linesOf(text).at(-1) ?? "",
  };
}

/** For good: after a drop it comes back, and goes on at its byte. */
function isGone(status: Status): boolean {
  switch (status.kind) {
    case "ended":
    case "left":
    case "refused":
      return true;
    case "attached":
      return status.mode !== "write";
    default:
      return false;
  }
}

interface Sent {
  readonly seat: Seat;
  readonly obstacle: Obstacle | null;
  readonly answer: Answer | null;
}

/** A line that was sent, until `close`. */
export class Broadcast {
  readonly #sent: readonly Sent[];
  readonly #unwatch: (() => void)[] = [];

  /** Each seat is looked at once more right before it is typed at. */
  constructor(seats: readonly Seat[], text: string, wanted: Reader, clock: Clock) {
    this.#sent = seats.map((seat): Sent => {
      const { obstacle } = lookAt(seat, wanted);
      if (obstacle !== null) return { seat, obstacle, answer: null };
      const answer = new Answer(text, wanted, clock());
      // Before it is typed: the echo may be there at once.
      const unwatch = seat.watch((output) => answer.printed(output, clock()));
      if (!seat.typeLine(text)) {
        unwatch();
        return { seat, obstacle: null, answer: null };
      }
      const { store } = seat.connection;
      const unfollow = store.subscribe(() => {
        if (isGone(store.get().status)) answer.lose();
      });
      this.#unwatch.push(unwatch, unfollow);
      return { seat, obstacle: null, answer };
    });
  }

  /** Of a console that was chosen; null of another one. */
  after(seat: Seat, now: number): After | null {
    const sent = this.#sent.find((each) => each.seat === seat);
    if (!sent) return null;
    const { obstacle, answer } = sent;
    if (obstacle !== null) return { kind: "leftOut", obstacle };
    if (answer === null) return { kind: "notTaken" };
    return { kind: "typed", outcome: answer.outcome(now), lastLine: answer.lastLine };
  }

  /** How many were chosen, typed at, and are done. */
  counts(now: number): { chosen: number; typed: number; done: number; bad: number } {
    const outcomes = this.#sent.flatMap(({ answer }) => (answer ? [answer.outcome(now)] : []));
    const of = (...wanted: Outcome[]): number => outcomes.filter((each) => wanted.includes(each)).length;
    return {
      chosen: this.#sent.length,
      typed: outcomes.length,
      done: of("done", "echoed"),
      bad: of("notEchoed", "lost"),
    };
  }

  close(): void {
    for (const end of this.#unwatch.splice(0)) end();
  }
}
