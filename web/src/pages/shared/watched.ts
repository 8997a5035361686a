/** Lists that are asked for every few seconds: what did not change is neither sent nor read again. */

import { bodyOf, type Options, send } from "../../api/transport";
import type { Page } from "../../api/types";

const MAX_PAGES = 1000;

interface Kept<T> {
  tag: string;
  page: Page<T>;
}

export class WatchedList<T> {
  private readonly path: string;
  private readonly options: Options;
  private kept = new Map<string, Kept<T>>();
  private items: readonly T[] = [];

  constructor(path: string, options: Options) {
    this.path = path;
    this.options = options;
  }

  /** Every item, page after page; the very array of the time before when nothing has changed. Throws ApiError. */
  async read(signal: AbortSignal): Promise<readonly T[]> {
    const seen = new Map<string, Kept<T>>();
    let address: string | undefined = this.path;
    let options: Options = this.options;
    let changed = false;
    for (let pages = 0; address !== undefined && pages < MAX_PAGES; pages++) {
      const before = this.kept.get(address);
      const now: Kept<T> = await ask(address, { ...options, signal }, before);
      changed ||= now !== before;
      seen.set(address, now);
      // A link onward says everything itself.
      address = now.page.nextLink;
      options = {};
    }
    if (changed || seen.size !== this.kept.size) {
      this.kept = seen;
      this.items = [...seen.values()].flatMap((each) => each.page.value);
    }
    return this.items;
  }
}

async function ask<T>(address: string, options: Options, before: Kept<T> | undefined): Promise<Kept<T>> {
  const headers = before?.tag ? { "If-None-Match": before.tag } : {};
  const response = await send("GET", address, { ...options, headers });
  if (before && response.status === 304) return before;
  return { tag: response.headers.get("etag") ?? "", page: await bodyOf<Page<T>>(response) };
}
