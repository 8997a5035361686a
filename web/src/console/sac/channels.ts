/** The channels of Windows' Special Administration Console, as far as it prints them. Pure: text in, state out. */

export interface Channel {
  readonly number: number;
  readonly name: string;
}

export interface Channels {
  readonly list: readonly Channel[];
  /** Name of the one that is shown; null while that is not known. */
  readonly current: string | null;
  /** The command prompt that is shown asks for its login again, after somebody had been logged in there. */
  readonly loggedOut: boolean;
}

export const SAC = "SAC";
export const NONE: Channels = { list: [{ number: 0, name: SAC }], current: null, loggedOut: false };

/** Command prompts that SAC makes, at most; it has ten channels with its own. */
const MOST = 10;
const LONGEST = 1024;
const ESC = "\x1b";
const SEQUENCE = new RegExp(`${ESC}\\[[0-?]*[ -/]*[@-~]`, "g");
const ENTRY = /^(\d) \([AI][VR]\) +(\S+)/;

export class ChannelReader {
  #now = NONE;
  #line = "";
  #event: "created" | "closed" | null = null;
  readonly #in = new Set<string>();

  get now(): Channels {
    return this.#now;
  }

  feed(text: string): Channels {
    // What clears the screen begins a new line, too.
    const lines = (this.#line + text).replace(SEQUENCE, "\n").split(/[\r\n]+/);
    this.#line = (lines.pop() ?? "").slice(-LONGEST);
    for (const line of lines) this.#read(line);
    this.#begun(this.#line);
    return this.#now;
  }

  restarted(): Channels {
    this.#line = "";
    this.#event = null;
    this.#in.clear();
    this.#now = NONE;
    return NONE;
  }

  #read(line: string): void {
    this.#begun(line);
    const entry = ENTRY.exec(line);
    const [, named] = /^Channel: +(\S+)/.exec(line) ?? [];
    const [, shown] = /^Name: +(\S+)/.exec(line) ?? [];
    if (/^# +Status +Channel Name/.test(line)) this.#change({ list: [] });
    else if (entry) this.#add(Number(entry[1]), entry[2] ?? "");
    else if (/^EVENT: .*created/.test(line)) this.#event = "created";
    else if (/^EVENT: .*closed/.test(line)) this.#event = "closed";
    else if (named !== undefined) this.#told(named);
    else if (shown !== undefined) this.#change({ current: shown, loggedOut: false });
    else if (/^Please enter login credentials/.test(line)) this.#asksLogin();
  }

  /** What stands at the beginning of a line, also of one that has no end yet. */
  #begun(line: string): void {
    if (/^!?SAC>/.test(line)) this.#change({ current: SAC, loggedOut: false });
    else if (/^[A-Z]:\\.*>/.test(line) && this.#now.current !== null) {
      this.#in.add(this.#now.current);
      // A channel that is drawn again shows old logins, too: what comes last holds.
      this.#change({ loggedOut: false });
    }
  }

  #told(name: string): void {
    const { list } = this.#now;
    if (this.#event === "created" && !list.some((each) => each.name === name)) {
      const taken = new Set(list.map((each) => each.number));
      const free = Array.from({ length: MOST }, (_, number) => number).find((number) => !taken.has(number));
      if (free !== undefined) this.#add(free, name);
    } else if (this.#event === "closed") {
      this.#in.delete(name);
      this.#change({ list: list.filter((each) => each.name !== name) });
    }
    this.#event = null;
  }

  #asksLogin(): void {
    const { current } = this.#now;
    if (current !== null && this.#in.has(current)) this.#change({ loggedOut: true });
  }

  #add(number: number, name: string): void {
    const others = this.#now.list.filter((each) => each.number !== number);
    this.#change({ list: [...others, { number, name }].sort((a, b) => a.number - b.number) });
  }

  #change(change: Partial<Channels>): void {
    const same = Object.entries(change).every(([name, value]) => this.#now[name as keyof Channels] === value);
    if (!same) this.#now = { ...this.#now, ...change };
  }
}
