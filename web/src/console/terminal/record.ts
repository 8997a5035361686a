/** What was seen, byte for byte as the guest printed it, for the download: the newest MAX_BYTES of it. */

export const MAX_BYTES = 16 * 1024 * 1024;

export class Record {
  readonly #chunks: { readonly offset: number; readonly bytes: Uint8Array<ArrayBuffer> }[] = [];
  /** Bytes kept. */
  #size = 0;

  /** Offset in the port's log of the first byte kept, null when there is none. */
  get start(): number | null {
    return this.#chunks[0]?.offset ?? null;
  }

  /** Offset behind the newest byte. */
  get end(): number | null {
    const newest = this.#chunks.at(-1);
    return newest ? newest.offset + newest.bytes.length : null;
  }

  add(offset: number, bytes: Uint8Array): void {
    // A copy: the view may hold a larger message alive.
    this.#chunks.push({ offset, bytes: bytes.slice() });
    this.#size += bytes.length;
    while (this.#size > MAX_BYTES && this.#chunks.length > 1) {
      this.#size -= this.#chunks.shift()?.bytes.length ?? 0;
    }
  }

  blob(): Blob {
    return new Blob(
      this.#chunks.map((chunk) => chunk.bytes),
      { type: "application/octet-stream" },
    );
  }
}

/** A file name that says which machine, when, and from which byte of its log. */
export function fileName(vm: string, start: number | null, now: Date, ending = "log"): string {
  const time = now.toISOString().slice(0, 19).replaceAll(":", "-");
  return `${vm.replaceAll(/[^\w.-]+/g, "_")}-${time}Z-byte-${start ?? 0}.${ending}`;
}
