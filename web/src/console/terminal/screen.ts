/**
 * The terminal of one console: xterm.js behind the filter for hostile output (D13), with a bound on what may wait to be
 * drawn. It knows nothing of connections or of React.
 */

import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { fetchPart } from "../../later";
import { t } from "../../text";
import { Hygiene, RESTORE, type Reader } from "../protocol/hygiene";
import { keepingHistory } from "./history";
import { type Shortcut, shortcutOf } from "./keys";
import { LARGEST, MARKS, OPTIONS, SMALLEST } from "./options";
import { permitSpanStyles, withNonce } from "./policy";

/** Bytes that wait to be drawn: above the first the line is dropped, below the second it comes back. */
export const MOST_WAITING = 8 * 1024 * 1024;
export const FEW_WAITING = 512 * 1024;

const ACCELERATE_SECONDS = 2;
const WRAPPING = 7;
const MAC = /Mac|iPhone|iPad/.test(navigator.userAgent);

export interface Handlers {
  /** Typed by the person, or answered by the terminal to the guest. */
  typed(bytes: Uint8Array): void;
  shortcut(shortcut: Shortcut): void;
  /** Text that the person wants to paste. */
  pasted(text: string): void;
  resized(size: { rows: number; cols: number }): void;
}

export interface Size {
  readonly rows: number;
  readonly cols: number;
}

export interface Found {
  /** From 0; -1 when it is not among those counted. */
  index: number;
  count: number;
}

export class Screen {
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #search = new SearchAddon({ highlightLimit: 1000 });
  readonly #hygiene = new Hygiene();
  readonly #nonce: string;
  readonly #pasted: Handlers["pasted"];
  readonly #past: () => void;
  #waiting = 0;
  #wrap = true;
  #fontSize: number;
  #box: Size | null = null;
  #caughtUp: (() => void)[] = [];
  #watch: ResizeObserver | undefined;
  #idle: ReturnType<typeof setTimeout> | undefined;

  constructor(nonce: string, fontSize: number, handlers: Handlers) {
    this.#nonce = nonce;
    this.#fontSize = fontSize;
    this.#pasted = handlers.pasted;
    this.#past = () => handlers.shortcut("history");
    Terminal.strings.promptLabel = t("console.terminalInput");
    Terminal.strings.tooMuchOutput = t("console.tooMuchOutput");
    this.#terminal = new Terminal({ ...OPTIONS, fontSize });
    const terminal = this.#terminal;
    const text = new TextEncoder();
    terminal.loadAddon(this.#fit);
    terminal.loadAddon(this.#search);
    terminal.loadAddon(new Unicode11Addon());
    terminal.unicode.activeVersion = "11";
    terminal.onData((data) => handlers.typed(text.encode(data)));
    terminal.onBinary((data) => handlers.typed(Uint8Array.from(data, (letter) => letter.charCodeAt(0))));
    terminal.onResize(({ rows, cols }) => handlers.resized({ rows, cols }));
    terminal.parser.registerCsiHandler({ prefix: "?", final: "l" }, (modes) => this.#keepsWrapping(modes));
    terminal.attachCustomKeyEventHandler((event) => {
      if (event.type === "keydown" && event.key === "PageUp" && event.shiftKey && this.#atTop) {
        this.#past();
        return false;
      }
      const shortcut = shortcutOf(event, MAC);
      if (shortcut === null) return true;
      if (shortcut === "browser") return false;
      event.preventDefault();
      if (event.type === "keydown") handlers.shortcut(shortcut);
      return false;
    });
  }

  /** Show it in `place`, which has a size, and follow that size. */
  open(place: HTMLElement): void {
    permitSpanStyles();
    withNonce(this.#nonce, () => this.#terminal.open(place));
    // Before xterm.js sees it: what is pasted may have to be asked about first.
    place.addEventListener("paste", this.#onPaste, { capture: true });
    place.addEventListener("wheel", this.#onWheel, { capture: true, passive: true });
    this.#watch = new ResizeObserver(() => this.fit());
    this.#watch.observe(place);
    this.fit();
    // Compiling shaders takes long where there is no graphics card: the first output comes first.
    this.#idle = setTimeout(() => void this.#accelerate(), ACCELERATE_SECONDS * 1000);
  }

  dispose(): void {
    clearTimeout(this.#idle);
    this.#watch?.disconnect();
    this.#terminal.element?.parentElement?.removeEventListener("paste", this.#onPaste, { capture: true });
    this.#terminal.element?.parentElement?.removeEventListener("wheel", this.#onWheel, { capture: true });
    this.#terminal.dispose();
    this.#settle();
  }

  /** Guest output, as it came. */
  write(bytes: Uint8Array, reader: Reader): void {
    this.#hygiene.reader = reader;
    this.#put(keepingHistory(this.#hygiene.clean(bytes)));
  }

  /** A word of ours between the guest's, on a line of its own. */
  say(word: string, text: string): void {
    const shown = plain(text).replaceAll("\n", "\r\n");
    this.#put(new TextEncoder().encode(`\r\n\x1b[0;7m ${plain(word)} \x1b[0m ${shown}\r\n`));
  }

  /** Bytes that are not drawn yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** All lines as text, scrolled out ones included. */
  get text(): string {
    const buffer = this.#terminal.buffer.active;
    const lines = Array.from({ length: buffer.length }, (_, row) =>
      buffer.getLine(row)?.translateToString(true),
    );
    return lines.join("\n").trimEnd();
  }

  /** More waits to be drawn than is good for the page. */
  get behind(): boolean {
    return this.#waiting > MOST_WAITING;
  }

  /** Settles once nearly everything is drawn. */
  caughtUp(): Promise<void> {
    return new Promise((resolve) => {
      this.#caughtUp.push(resolve);
      if (this.#waiting <= FEW_WAITING) this.#settle();
    });
  }

  /** Take the size of the place, unless that is hidden. */
  fit(): void {
    if (!this.#terminal.element?.clientWidth) return;
    if (this.#box === null) this.#fit.fit();
    else this.#fitBox(this.#box);
  }

  /** A size that stays whatever the place has; null follows the place. */
  get letterbox(): Size | null {
    return this.#box;
  }

  set letterbox(size: Size | null) {
    this.#box = size;
    this.fontSize = this.#fontSize;
  }

  /** Rows and columns that a guest counts on, in smaller letters where they do not fit otherwise. */
  #fitBox({ rows, cols }: Size): void {
    const { options } = this.#terminal;
    options.fontSize = this.#fontSize;
    for (let size = this.#fontSize - 1; size >= SMALLEST; size -= 1) {
      const room = this.#fit.proposeDimensions();
      if (!room || (room.rows >= rows && room.cols >= cols)) break;
      options.fontSize = size;
    }
    this.#terminal.resize(cols, rows);
  }

  focus(): void {
    this.#terminal.focus();
  }

  get size(): { rows: number; cols: number } {
    return { rows: this.#terminal.rows, cols: this.#terminal.cols };
  }

  /** Where it is in the window, for what opens at it. */
  getBoundingClientRect(): DOMRect {
    const { element } = this.#terminal;
    if (!element) return new DOMRect();
    // The corner of what is seen: a menu opens upwards from there.
    const { left, bottom } = element.getBoundingClientRect();
    return new DOMRect(left, bottom, 0, 0);
  }

  get selection(): string {
    return this.#terminal.getSelection();
  }

  /** Whether the guest's program wants to be told what is a paste. */
  get bracketed(): boolean {
    return this.#terminal.modes.bracketedPasteMode;
  }

  /** Whether arrow keys are sent in their other form, as full-screen programs ask for. */
  get applicationKeys(): boolean {
    return this.#terminal.modes.applicationCursorKeysMode;
  }

  set fontSize(size: number) {
    this.#fontSize = Math.max(SMALLEST, Math.min(LARGEST, size));
    this.#terminal.options.fontSize = this.#fontSize;
    this.fit();
  }

  /**
   * Whether long lines always go on in the next one. PC firmware switches that off (DECAWM) and leaves it so, and then the
   * end of every long line of the kernel is missing.
   */
  set wrap(on: boolean) {
    if (on && !this.#wrap) this.#terminal.write("\x1b[?7h");
    this.#wrap = on;
  }

  set screenReader(on: boolean) {
    this.#terminal.options.screenReaderMode = on;
  }

  /** A terminal that takes no keys says so to assistive technology, too. */
  set readOnly(on: boolean) {
    const area = this.#terminal.textarea;
    if (area) area.setAttribute("aria-readonly", String(on));
  }

  set label(text: string) {
    this.#terminal.textarea?.setAttribute("aria-label", text);
  }

  /** Empty the view; the log is not touched. */
  clear(): void {
    this.#terminal.clear();
  }

  /** Undo what a program that ended badly has left: mouse reports, an alternate screen, strange letters. */
  restore(): void {
    this.#terminal.write(RESTORE);
  }

  toBottom(): void {
    this.#terminal.scrollToBottom();
  }

  /** Mark every match and go to the next one; false when there is none. */
  find(text: string, how: { backwards?: boolean; caseSensitive?: boolean; growing?: boolean }): boolean {
    const options = { caseSensitive: how.caseSensitive ?? false, decorations: MARKS };
    if (how.backwards) return this.#search.findPrevious(text, options);
    return this.#search.findNext(text, { ...options, incremental: how.growing ?? false });
  }

  onFound(handle: (found: Found) => void): () => void {
    const listening = this.#search.onDidChangeResults(({ resultIndex, resultCount }) =>
      handle({ index: resultIndex, count: resultCount }),
    );
    return () => listening.dispose();
  }

  forgetFound(): void {
    this.#search.clearDecorations();
  }

  /** True takes the request out of the terminal's hands. */
  #keepsWrapping(modes: readonly (number | number[])[]): boolean {
    return this.#wrap && modes.length === 1 && modes[0] === WRAPPING;
  }

  #put(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#waiting += bytes.length;
    this.#terminal.write(bytes, () => {
      this.#waiting -= bytes.length;
      if (this.#waiting <= FEW_WAITING) this.#settle();
    });
  }

  #settle(): void {
    const waiting = this.#caughtUp;
    this.#caughtUp = [];
    for (const resolve of waiting) resolve();
  }

  /** There is nothing above what is seen, and no program of the guest's fills the screen. */
  get #atTop(): boolean {
    const { active } = this.#terminal.buffer;
    return active.type === "normal" && active.viewportY === 0;
  }

  /** Scrolled up further than this terminal reaches: the machine's log reaches further. */
  readonly #onWheel = (event: WheelEvent): void => {
    if (event.deltaY < 0 && !event.ctrlKey && this.#atTop) this.#past();
  };

  readonly #onPaste = (event: ClipboardEvent): void => {
    event.preventDefault();
    event.stopPropagation();
    this.#pasted(event.clipboardData?.getData("text/plain") ?? "");
  };

  /** Draw with the graphics card where there is one; a browser takes a context back when there are too many. */
  async #accelerate(): Promise<void> {
    try {
      const { WebglAddon } = await fetchPart(() => import("@xterm/addon-webgl"));
      if (!this.#terminal.element?.isConnected) return;
      const webgl = new WebglAddon();
      // Without it the terminal draws with elements again, for which it makes its style elements anew.
      webgl.onContextLoss(() => withNonce(this.#nonce, () => webgl.dispose()));
      this.#terminal.loadAddon(webgl);
    } catch {
      // Without WebGL 2 the terminal draws with elements, as it did until now.
    }
  }
}

/** Text without anything a terminal would obey. */
function plain(text: string): string {
  return text.replaceAll(/(?!\n)\p{Cc}/gu, "");
}
