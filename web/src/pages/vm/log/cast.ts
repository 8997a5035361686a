/** asciicast v2, the recordings of asciinema, of raw pages: the same file as `oob vm log --cast` makes (wire/cast.py). */

import type { LogBoot, LogGap, LogPage } from "../../../api/types";
import { Hygiene } from "../../../console/protocol/hygiene";

const COLUMNS = 80;
const ROWS = 25;
/** Seconds; players make longer pauses this short. */
const IDLE = 2;

/** Offset up to which output had come, and when (milliseconds since the epoch). */
type Time = readonly [end: number, at: number];

/** One recording that begins at `start`, in milliseconds since the epoch. */
class Cast {
  readonly #start: number;
  readonly #hygiene = new Hygiene();
  // What begins a text is part of it, even a mark of byte order.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #lines: string[] = [];
  #at = 0;

  constructor(start: number, title: string) {
    this.#start = start;
    const header = {
      version: 2,
      width: COLUMNS,
      height: ROWS,
      timestamp: Math.trunc(start / 1000),
      idle_time_limit: IDLE,
    };
    this.#lines.push(JSON.stringify(title ? { ...header, title } : header));
  }

  get text(): string {
    return `${this.#lines.join("\n")}\n`;
  }

  /** What the guest printed, whose first byte has `offset`; what lies behind the last of `times` came with it. */
  output(offset: number, data: Uint8Array, times: readonly Time[]): void {
    let begin = 0;
    times.forEach(([end, at], number) => {
      const stop = number === times.length - 1 ? data.length : Math.min(end - offset, data.length);
      if (stop <= begin) return;
      this.#printed(data.subarray(begin, stop), at);
      begin = stop;
    });
    if (begin < data.length) this.#printed(data.subarray(begin), undefined);
  }

  /** A place that players can jump to: a boot, or where output is missing. */
  marker(label: string, at: number | undefined): void {
    this.#event("m", label, at);
  }

  #printed(data: Uint8Array, at: number | undefined): void {
    const text = this.#decoder.decode(this.#hygiene.clean(data));
    if (text) this.#event("o", text, at);
  }

  #event(code: "o" | "m", text: string, at: number | undefined): void {
    // The host's clock may have been put back meanwhile.
    if (at !== undefined) this.#at = Math.max(this.#at, at - this.#start);
    this.#lines.push(JSON.stringify([this.#at / 1000, code, text]));
  }
}

interface Mark {
  place: number;
  label: string;
  at: number | undefined;
}

/** The recording of a log; its pages follow one another. */
export function castOf(pages: readonly LogPage[], title: string): string {
  let recording: Cast | undefined;
  const boots = new Set<string>();
  for (const page of pages) {
    // An older control plane tells none.
    const known: Time[] = (page.times ?? []).map(({ end, at }) => [end, Date.parse(at)]);
    const times: Time[] = known.length > 0 ? known : [[page.next, Date.parse(page.at)]];
    recording ??= new Cast(times[0]?.[1] ?? 0, title);
    const marks = marksOf(page, boots);
    let data: Uint8Array = bytesOf(page);
    let at = page.from;
    for (const { place, label, at: when } of marks) {
      const size = Math.max(0, place - at);
      recording.output(at, data.subarray(0, size), untilOf(times, place));
      data = data.subarray(size);
      at = Math.max(at, place);
      recording.marker(label, when);
    }
    recording.output(at, data, times);
  }
  return recording?.text ?? "";
}

/** What is no output, in its order. Labels are no sentences: they are the same in every language. */
function marksOf(page: LogPage, known: Set<string>): Mark[] {
  const key = (boot: LogBoot): string => `${boot.number} ${boot.from}`;
  const inside = (boot: LogBoot): boolean => page.from <= boot.from && boot.from < page.next;
  const marks: Mark[] = page.boots
    .filter((boot) => inside(boot) && !known.has(key(boot)))
    .map((boot) => ({ place: boot.from, label: `boot ${boot.number}`, at: Date.parse(boot.at) }));
  for (const boot of page.boots) if (boot.from < page.next) known.add(key(boot));
  for (const gap of page.gaps) marks.push({ place: gap.end, label: gapLabel(gap), at: undefined });
  return marks.sort((one, other) => one.place - other.place);
}

function gapLabel(gap: LogGap): string {
  return `${gap.bytes > 0 ? `${gap.bytes} bytes are` : "output is"} missing here (offset ${gap.from})`;
}

/** What came before `place`, and the look at the log that saw it. */
function untilOf(times: readonly Time[], place: number): readonly Time[] {
  return times.slice(0, times.filter(([end]) => end < place).length + 1);
}

export function bytesOf(page: LogPage): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(page.data ?? ""), (letter) => letter.charCodeAt(0));
}
