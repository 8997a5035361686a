/** What a port reads, by what it prints, unless its host tells its state; the port of `Shown` in wire/keys.py. */

import type { Fields } from "../protocol/frames";
import type { Layout } from "./convert";
import tables from "./keys.json";

const WINDOWS: ReadonlySet<string> = new Set(tables.windowsStates);
const SAC_PROMPT = /(?:^|[\r\n])!?SAC> *[^\r\n]*$/;
const SAC_BEGUN = /(?:^|[\r\n])!?SAC>|\bSAC started and initialized/g;
const OTHERS = /login: |Linux version \d|GNU GRUB/g;
const KEPT = 512;
const ESC = "\x1b";
const SEQUENCE = new RegExp(`${ESC}\\[[0-?]*[ -/]*[@-~]`, "g");
/** The prompt of a shell of Unix, with nothing typed at it. */
const SHELL = /(?:^|[\r\n])[^\r\n]{0,120}[\w~/\])\s-][$#] $/;
const LOGIN = /login: [^\r\n]*$/;

export class Shown {
  /** As the host tells it, null while it does not. */
  state: string | null = null;
  #newest = "";
  #sac = false;
  #loggingIn = false;
  readonly #text = new TextDecoder("latin1");

  feed(output: Uint8Array): void {
    const newest = this.#newest + this.#text.decode(output.subarray(-8 * KEPT));
    const begun = lastOf(newest, SAC_BEGUN);
    const others = lastOf(newest, OTHERS);
    if (begun >= 0 || others >= 0) this.#sac = begun > others;
    this.#newest = newest.slice(-KEPT);
    if (LOGIN.test(newest)) this.#loggingIn = true;
  }

  /** The newest output, a character for each byte. */
  get newest(): string {
    return this.#newest;
  }

  /** A notice of the console's. */
  told(what: string, fields: Fields): void {
    if (what === "state") {
      const state = String(fields["state"]);
      // What the host cannot tell takes nothing from what the output told.
      this.state = state === "unknown" || state === "silent" ? null : state;
    } else if (what === "reset" || (what === "power" && fields["power"] === "stopped")) this.restarted();
  }

  /** The machine was reset or stopped: what it will be is open again. */
  restarted(): void {
    this.#newest = "";
    this.#sac = false;
    this.state = null;
  }

  /** SAC, or what of Windows uses the port as SAC does. */
  get windows(): boolean {
    return this.state === null ? this.#sac : WINDOWS.has(this.state);
  }

  get atSacPrompt(): boolean {
    return this.windows && SAC_PROMPT.test(this.#newest);
  }

  /** Characters behind the prompt of SAC; null where it does not stand there. */
  get leftAtSac(): number | null {
    if (!this.atSacPrompt) return null;
    const line = this.#newest.slice(this.#newest.lastIndexOf("SAC>") + 4);
    return line.trim() === "" ? 0 : line.length;
  }

  /** A shell waits for a command, which `stty` could be. */
  get atShell(): boolean {
    if (this.windows || this.state === "grub") return false;
    return SHELL.test(this.#newest.replace(SEQUENCE, ""));
  }

  /** True once for a login that has led to a shell. */
  takeLogin(): boolean {
    if (!this.#loggingIn || !this.atShell) return false;
    this.#loggingIn = false;
    return true;
  }

  get layout(): Layout {
    if (this.atSacPrompt) return "sacLine";
    return this.windows ? "vtUtf8" : "vt";
  }
}

function lastOf(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].at(-1)?.index ?? -1;
}
