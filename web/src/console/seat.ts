/**
 * A person in front of a console: what is typed goes to the guest, what is printed goes to the terminal, what happens is
 * said. Everything but the drawing of buttons; as cli/seat.py.
 */

import { copyText } from "../components";
import { nonce } from "../nonce";
import { saveAs } from "../pages/shared/saveAs";
import { createStore, type Store } from "../store";
import { t } from "../text";
import { createClock } from "./clock";
import { ConsoleConnection, type World } from "./connection";
import { converted } from "./keys/convert";
import { type Modifiers, modified, NO_MODIFIERS } from "./keys/modify";
import { Shown } from "./keys/shown";
import { KnownIssues } from "./knownIssues";
import { isReady, openingOf } from "./opening";
import { prefer, preferences } from "./preferences";
import type { Mode, Output, SessionEvent, Wish } from "./protocol/session";
import { reachOf } from "./reach";
import { ChannelReader, type Channels, NONE } from "./sac/channels";
import { toPrompt } from "./sac/commands";
import type { SpecialKey } from "./specialKeys";
import type { Shortcut } from "./terminal/keys";
import { USUAL_SIZE } from "./terminal/options";
import { isRisky, type Paste, pasteOf, typedOf } from "./terminal/paste";
import { fileName, Record } from "./terminal/record";
import { Screen } from "./terminal/screen";
import { wordsFor } from "./words";

/** Bytes; more at once is a paste, and none of it a key. */
const MOST_OF_KEYS = 4096;

/** What the person has to be asked or shown; the pane does it. */
export type Request =
  | { readonly kind: "paste"; readonly paste: Paste }
  | { readonly kind: "menu" }
  | { readonly kind: "leave" }
  | { readonly kind: "below" }
  | { readonly kind: "find" }
  /** What was printed before; `back`: from where the terminal begins. */
  | { readonly kind: "history"; readonly back: boolean };

/** Characters of a paste that a guest's buffers take in any case. */
const PACED = 64;

/** The last thing said, for the status line and for screen readers. A new object is said again. */
export interface Said {
  readonly text: string;
}

export interface Machine {
  readonly id: string;
  readonly name: string;
}

export class Seat {
  readonly machine: Machine;
  readonly connection: ConsoleConnection;
  readonly screen: Screen;
  readonly record = new Record();
  readonly said: Store<Said> = createStore<Said>({ text: "" });
  readonly size: Store<{ rows: number; cols: number }> = createStore({ rows: 24, cols: 80 });
  /** It was opened in a window of its own. */
  readonly elsewhere: Store<boolean> = createStore(false);
  readonly request: Store<Request | null> = createStore<Request | null>(null);
  /** Code of a known trouble that is to be explained now. */
  readonly issue: Store<string | null> = createStore<string | null>(null);

  /** Ctrl and Alt, held for the next key. */
  readonly modifiers: Store<Modifiers> = createStore(NO_MODIFIERS);
  /** Windows has the port, with its Special Administration Console or its boot manager. */
  readonly windows: Store<boolean> = createStore(false);
  /** SAC's channels, as far as it told of them. */
  readonly channels: Store<Channels> = createStore(NONE);
  /** What the port reads now, as far as it showed it. */
  readonly #shown = new Shown();
  readonly #channels = new ChannelReader();
  readonly #issues = new KnownIssues();
  readonly #now: World["now"];
  readonly #latin = new TextDecoder("latin1");
  readonly #watchers = new Set<(output: Uint8Array) => void>();
  readonly #ending = new AbortController();
  #mode: Mode;
  #opened = 0;

  constructor(machine: Machine, mode: Mode, world: World = REAL) {
    this.machine = machine;
    this.#mode = mode;
    this.#now = world.now;
    this.screen = new Screen(nonce, preferences.get().fontSize, {
      typed: (bytes) => this.#pressed(bytes),
      shortcut: (shortcut) => this.#shortcut(shortcut),
      pasted: (text) => this.paste(text),
      resized: (size) => this.size.set(size),
    });
    const screen = this.screen;
    this.connection = new ConsoleConnection(
      machine.id,
      mode,
      {
        event: (event, now) => this.#event(event, now),
        get behind() {
          return screen.behind;
        },
        caughtUp: () => screen.caughtUp(),
      },
      world,
    );
  }

  /** Show the terminal in `place` and connect. */
  open(place: HTMLElement): void {
    this.screen.open(place);
    this.screen.label = t("console.terminal", { name: this.machine.name });
    const { screenReader, wrap } = preferences.get();
    this.screen.screenReader = screenReader;
    this.screen.wrap = wrap;
    this.size.set(this.screen.size);
    this.#listen();
    this.#opened = performance.now();
    this.connection.start();
  }

  /** Leave for good; the terminal is gone afterwards. */
  close(): void {
    this.#ending.abort();
    this.connection.leave();
    this.screen.dispose();
  }

  /** A new session after an end: to type, or to watch. */
  startAgain(mode: Mode): void {
    this.#mode = mode;
    this.elsewhere.set(false);
    this.connection.startAgain(mode);
  }

  /** Go on in a window of its own, which gets the keyboard: this one leaves, or it would be taken over from there. */
  popOut(): void {
    const address = `${import.meta.env.BASE_URL}console?vm=${encodeURIComponent(this.machine.id)}&alone`;
    const opened = window.open(address, "_blank", "popup,width=1000,height=640");
    if (!opened) {
      this.say(t("console.popUpBlocked"));
      return;
    }
    opened.opener = null;
    this.elsewhere.set(true);
    this.connection.leave();
  }

  /** Something about the keyboard, in the words of the protocol; `session` is whom it is about. */
  wish(wish: Wish, session?: string): void {
    if (!this.connection.ask(wish, session)) this.say(t("console.saidNotConnected"));
    this.screen.focus();
  }

  /** The explanation was read. */
  closeIssue(): void {
    this.issue.set(null);
    this.screen.focus();
  }

  say(text: string): void {
    this.said.set({ text });
  }

  /** Type text at the guest, as the person's own keys. */
  send(text: string): void {
    this.#typed(new TextEncoder().encode(text));
  }

  /** The newest guest output, some lines of it. */
  get newest(): string {
    return new TextDecoder().decode(Uint8Array.from(this.#shown.newest, (letter) => letter.charCodeAt(0)));
  }

  /** Have all that the guest prints from now on; returns how to end it. */
  watch(watcher: (output: Uint8Array) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Type one line and enter it; false when it was not taken. */
  typeLine(text: string): boolean {
    const keys = `${text}\r`;
    // The agent knows what a long line, or Windows, needs to take it whole.
    if ((text.length > PACED || this.#shown.windows) && this.connection.paste(keys)) return true;
    const bytes = new TextEncoder().encode(keys);
    return this.connection.type(bytes) === bytes.length;
  }

  /** Type something at SAC's own prompt, wherever the line is now: what stands there is taken back. */
  atSacPrompt(text: string): void {
    this.send(toPrompt(this.#shown.leftAtSac) + text);
    this.screen.focus();
  }

  /** A key that is no key of the person's own keyboard, with Ctrl and Alt where they are held. */
  press({ sends }: SpecialKey): void {
    this.#pressed(new TextEncoder().encode(sends(this.screen.applicationKeys)));
    this.screen.focus();
  }

  /** Tell a shell the size; where there is none, show what other programs count on, or follow the window again. */
  matchSize(): void {
    const { screen } = this;
    if (this.#shown.atShell) {
      screen.letterbox = null;
      this.tellSize();
      this.say(t("console.saidSize", screen.size));
    } else {
      screen.letterbox = screen.letterbox === null ? { rows: this.#shown.windows ? 24 : 25, cols: 80 } : null;
      this.say(t(screen.letterbox ? "console.saidLetterbox" : "console.saidWindow", screen.size));
    }
    screen.focus();
  }

  tellSize(): void {
    const { rows, cols } = this.screen.size;
    this.send(`stty rows ${rows} cols ${cols}\r`);
  }

  /** Paste, or ask first when it could do harm. */
  paste(text: string): void {
    const paste = pasteOf(text);
    if (paste.text === "") return;
    if (isRisky(paste)) this.request.set({ kind: "paste", paste });
    else this.typePaste(paste);
  }

  typePaste(paste: Paste): void {
    // What is long is paced by the agent, and says what became of it; a word goes as keys do.
    const paced = paste.text.length > PACED && this.connection.paste(paste.text);
    if (!paced) this.send(typedOf(paste, this.screen.bracketed));
    this.screen.toBottom();
  }

  stopPasting(): void {
    this.say(t("console.saidStopped", { count: this.connection.dropBacklog() }));
  }

  /** A file with what was seen, as the bytes that came or the lines that stand there. */
  download(form: "bytes" | "text"): void {
    const named = (ending: string): string =>
      fileName(this.machine.name, this.record.start, new Date(), ending);
    if (form === "bytes") saveAs(named("log"), this.record.blob(), "application/octet-stream");
    else saveAs(named("txt"), `${this.screen.text}\n`, "text/plain;charset=utf-8");
  }

  #pressed(bytes: Uint8Array): void {
    const held = this.modifiers.get();
    const both = held.ctrl || held.alt ? modified(new TextDecoder().decode(bytes), held) : null;
    if (both === null) {
      this.#typed(bytes);
      return;
    }
    this.modifiers.set(NO_MODIFIERS);
    this.send(both);
  }

  #typed(typed: Uint8Array): void {
    const bytes = this.#asRead(typed);
    if (bytes.length === 0) return;
    if (this.connection.mayType) this.#explain(this.#issues.typed(bytes, this.#now()));
    const lacking = bytes.length - this.connection.type(bytes);
    if (lacking === 0 || isReport(bytes)) return;
    if (this.connection.mayType) this.say(t("console.saidSlow", { count: lacking }));
    else if (this.connection.store.get().status.kind === "attached") this.say(t("console.saidNotTyping"));
    else this.say(t("console.saidNotConnected"));
  }

  /** Keys as the port reads them now; the rest, of whatever encoding, as it is. */
  #asRead(typed: Uint8Array): Uint8Array {
    if (typed.length > MOST_OF_KEYS) return typed;
    const { layout } = this.#shown;
    const { text, dropped } = converted(String.fromCharCode(...typed), layout);
    if (dropped > 0) {
      this.say(t("console.saidNoSuchKey"));
      this.#explain(this.#issues.keysLacking());
    }
    return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  }

  #explain(code: string | null): void {
    if (code !== null) this.issue.set(code);
  }

  #shortcut(shortcut: Shortcut): void {
    const { fontSize } = preferences.get();
    switch (shortcut) {
      case "menu":
      case "leave":
      case "below":
      case "find":
        this.request.set({ kind: shortcut });
        return;
      case "history":
        this.request.set({ kind: "history", back: true });
        return;
      case "copy":
        void this.copySelection();
        return;
      case "larger":
        prefer({ fontSize: fontSize + 1 });
        return;
      case "smaller":
        prefer({ fontSize: fontSize - 1 });
        return;
      case "usual":
        prefer({ fontSize: USUAL_SIZE });
    }
  }

  async copySelection(): Promise<void> {
    const { selection } = this.screen;
    if (selection === "") this.say(t("console.saidNothingSelected"));
    else await this.copy(selection);
  }

  async copy(text: string): Promise<void> {
    this.say(t((await copyText(text)) ? "console.saidCopied" : "console.saidNotCopied"));
    this.screen.focus();
  }

  async pasteFromClipboard(): Promise<void> {
    try {
      this.paste(await navigator.clipboard.readText());
    } catch {
      this.say(t("console.saidNoClipboard"));
    }
    this.screen.focus();
  }

  #event(event: SessionEvent, mode: Mode): void {
    if (event.kind === "output") {
      this.#output(event, mode);
      return;
    }
    if (event.kind === "told") this.#told(event);
    const { name } = this.machine;
    const back = this.connection.store.get().status.kind === "lost";
    const words = wordsFor(event, { name, mode, back, me: this.connection.store.get().me });
    this.screen.readOnly = mode !== "write";
    if (words === null) return;
    if (words.inline) this.screen.say(t("console.us"), words.text);
    this.say(words.text);
  }

  #output({ offset, payload, live }: Output, mode: Mode): void {
    if (this.record.start === null) {
      performance.measure("console: first byte", { start: this.#opened, detail: this.machine.id });
    }
    this.record.add(offset, payload);
    this.#see(payload);
    if (this.#shown.takeLogin() && live && mode === "write" && preferences.get().sizeAfterLogin)
      this.tellSize();
    this.screen.write(payload, live && mode === "write" ? "live-writer" : "bystander");
  }

  /** What the output tells of who reads the port. */
  #see(payload: Uint8Array): void {
    this.#shown.feed(payload);
    for (const watcher of this.#watchers) watcher(payload);
    this.#issues.printed(payload);
    this.windows.set(this.#shown.windows);
    if (this.#shown.windows) this.channels.set(this.#channels.feed(this.#latin.decode(payload)));
  }

  #told({ what, fields }: SessionEvent & { kind: "told" }): void {
    this.#shown.told(what, fields);
    // What a state says by itself stands beside it in the line of states.
    if (what === "state") this.#issues.shows(String(fields["state"]));
    this.windows.set(this.#shown.windows);
    if (what === "reset" || !this.#shown.windows) this.channels.set(this.#channels.restarted());
  }

  /** The page's own life: back from sleep, from another tab, from the network's absence; and gone. */
  #listen(): void {
    const { signal } = this.#ending;
    const revive = (): void => {
      if (!document.hidden) this.connection.revive();
    };
    window.addEventListener("online", revive, { signal });
    window.addEventListener("focus", revive, { signal });
    document.addEventListener("visibilitychange", revive, { signal });
    // Said with a goodbye the keyboard is free at once; a page that comes back from the browser's cache connects anew.
    window.addEventListener("pagehide", () => this.connection.leave(), { signal });
    window.addEventListener("pageshow", (event) => event.persisted && this.startAgain(this.#mode), {
      signal,
    });
    const followed = preferences.subscribe(() => {
      const { fontSize, screenReader, wrap } = preferences.get();
      this.screen.fontSize = fontSize;
      this.screen.screenReader = screenReader;
      this.screen.wrap = wrap;
    });
    signal.addEventListener("abort", followed);
  }
}

/** What the terminal itself tells of mouse and focus where the guest asked for that: no key, so no word about it. */
function isReport(bytes: Uint8Array): boolean {
  const [first, second, third] = bytes;
  return (
    first === 0x1b && second === 0x5b && third !== undefined && "IOM<".includes(String.fromCharCode(third))
  );
}

/** Backend for every console of the page. */
const REAL: World = {
  openingOf,
  isReady,
  reachOf,
  openSocket: (url, subprotocols) => new WebSocket(url, subprotocols),
  now: createClock(),
};
