/** What a console answered to a line that was typed: its echo, its output, and whether its prompt is back. */

import type { Reader } from "./checks";
import { cleaned, comesBack, isPrompt, linesOf, openLineOf } from "./lines";

/** Seconds without an echo, after which somebody should look. */
export const ECHO_SECONDS = 10;
/** Where no prompt is to come back, output is over when nothing came for so many seconds. */
export const QUIET_SECONDS = 1.5;
/** Characters of output that are looked at; of what is longer, the end counts. */
const KEPT = 16 * 1024;

export type Outcome =
  /** Nothing came back yet. */
  | "waiting"
  | "notEchoed"
  /** It was echoed; what came after has no prompt at its end yet. */
  | "running"
  /** It was echoed, and no prompt is to come back. */
  | "echoed"
  | "done"
  /** The connection or the keyboard was lost before the prompt came back. */
  | "lost";

export class Answer {
  readonly #text: string;
  readonly #state: Reader;
  readonly #began: number;
  #heard: number;
  readonly #decoder = new TextDecoder();
  #output = "";
  #echoed = false;
  /** Output after the echo is all there is left. */
  #cut = false;
  #prompt = false;
  #lost = false;
  #lastLine = "";

  /** `now` in seconds. */
  constructor(text: string, state: Reader, now: number) {
    this.#text = squeezed(text);
    this.#state = state;
    this.#began = this.#heard = now;
  }

  printed(output: Uint8Array, now: number): void {
    if (this.#prompt) return;
    this.#heard = now;
    this.#output += this.#decoder.decode(output, { stream: true });
    const text = cleaned(this.#output);
    const lines = linesOf(text);
    const after = this.#cut ? 0 : behind(lines, this.#text);
    if (after !== null) {
      this.#echoed = true;
      const answered = lines.slice(after);
      // The echo of a command may end as a prompt does.
      this.#prompt =
        answered.length > 0 && comesBack(this.#state) && isPrompt(this.#state, openLineOf(text)) === true;
      this.#lastLine = answered.at(this.#prompt ? -2 : -1) ?? "";
    }
    if (this.#output.length <= KEPT) return;
    this.#output = this.#output.slice(-KEPT);
    this.#cut = this.#echoed;
  }

  /** The console was lost, or another person's. */
  lose(): void {
    if (!this.#prompt) this.#lost = true;
  }

  outcome(now: number): Outcome {
    if (this.#prompt) return "done";
    if (this.#lost) return "lost";
    if (!this.#echoed) return now - this.#began >= ECHO_SECONDS ? "notEchoed" : "waiting";
    const quiet = !comesBack(this.#state) && now - this.#heard >= QUIET_SECONDS;
    return quiet ? "echoed" : "running";
  }

  /** The last line of what the guest answered, without prompt and echo; empty while there is none. */
  get lastLine(): string {
    return this.#lastLine;
  }
}

/** Number of lines up to the one in which the echo ends; null while it is not there. A terminal may break it anywhere. */
function behind(lines: readonly string[], text: string): number | null {
  let seen = "";
  for (const [number, line] of lines.entries()) {
    seen += squeezed(line);
    if (seen.includes(text)) return number + 1;
  }
  return null;
}

function squeezed(text: string): string {
  return text.replaceAll(/\s+/g, "");
}
