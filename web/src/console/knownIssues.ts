/**
 * Known troubles of a serial console, recognised from what the port shows and what the person does; the port of
 * wire/known_issues.py. Each is a code of the catalogue, told once.
 */

/** What a state alone says. */
export const BY_STATE: Readonly<Record<string, string>> = {
  healthReport: "SacDisabled",
  kernelDebugger: "KernelDebuggerOnPort",
};
/** Enters, over so many seconds and without a byte in answer: nobody reads them. */
const ENTERS = 3;
const ENTER_SECONDS = 3;
/** Bytes that come at once and were hardly typed one by one. */
const PASTED = 8;
const SILENT: ReadonlySet<string> = new Set(["login", "unknown", "silent"]);
const POWERSHELL = /(?:^|[\r\nHm])PS [A-Z]:\\[^\r\n>]{0,200}> ?[^\r\n]{0,80}$/;
const REPEATED = /([^ \t\n\r\f\v])\1\1/;
const TAIL = 400;

/** One person's console. Each call returns the code of what is to be explained now, or null; times are in seconds. */
export class KnownIssues {
  #state = "";
  #tail = "";
  #enters = 0;
  #firstEnter = 0;
  readonly #said = new Set<string>();
  readonly #latin = new TextDecoder("latin1");

  /** The port shows something else now. */
  shows(state: string): string | null {
    // The guest was started: what held before may hold again, and be news.
    if (state === "silent") this.#said.clear();
    this.#state = state;
    this.#enters = 0;
    return this.#once(BY_STATE[state]);
  }

  /** The guest said something. */
  printed(output: Uint8Array): void {
    this.#tail = (this.#tail + this.#latin.decode(output.subarray(-TAIL))).slice(-TAIL);
    this.#enters = 0;
  }

  /** The person typed or pasted `keys`. */
  typed(keys: Uint8Array, now: number): string | null {
    const text = this.#latin.decode(keys);
    if (/^[\r\n]*$/.test(text)) {
      if (this.#enters === 0) this.#firstEnter = now;
      this.#enters += 1;
      const waited = this.#enters >= ENTERS && now - this.#firstEnter >= ENTER_SECONDS;
      return waited && SILENT.has(this.#state) ? this.#once("EnterWithoutEffect") : null;
    }
    const pasted = keys.length >= PASTED && REPEATED.test(text);
    if (pasted && this.#state === "sac" && POWERSHELL.test(this.#tail))
      return this.#once("PowerShellRepeats");
    return null;
  }

  /** Arrows, Delete and function keys were pressed where SAC's prompt takes none. */
  keysLacking(): string | null {
    return this.#once("SacKeysLimited");
  }

  #once(code: string | undefined): string | null {
    if (code === undefined || this.#said.has(code)) return null;
    this.#said.add(code);
    return code;
  }
}
