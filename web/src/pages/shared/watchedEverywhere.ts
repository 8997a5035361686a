/** The live list of one type of resource, over every subscription the person has a role in. */

import { VERSIONS } from "../../api/client";
import type { Options } from "../../api/transport";
import type { Subscription } from "../../api/types";
import { WatchedList } from "./watched";

export interface Everywhere<R> {
  rows: readonly R[];
  subscriptions: readonly Subscription[];
  /** Subscriptions whose resources could not be read. */
  failed: readonly { subscription: Subscription; error: unknown }[];
}

/** What was read before, so that only what changed is sent, read and made into rows again. */
export class WatchedEverywhere<T, R> {
  private readonly subscriptions = new WatchedList<Subscription>("/subscriptions", {
    version: VERSIONS.resources,
  });
  private readonly lists = new Map<string, WatchedList<T>>();
  private readonly made = new Map<readonly T[], readonly R[]>();
  private shown: readonly (readonly R[])[] = [];
  private all: readonly R[] = [];
  private readonly type: string;
  private readonly options: Options;
  private readonly toRow: (item: T) => R;

  constructor(type: string, options: Options, toRow: (item: T) => R) {
    this.type = type;
    this.options = options;
    this.toRow = toRow;
  }

  /** Throws only when nothing at all could be read. `rows` is the very array of the time before when nothing has changed. */
  async read(signal: AbortSignal): Promise<Everywhere<R>> {
    const subscriptions = await this.subscriptions.read(signal);
    const answers = await Promise.allSettled(subscriptions.map((each) => this.listOf(each).read(signal)));
    const lists: (readonly T[])[] = [];
    const failed: { subscription: Subscription; error: unknown }[] = [];
    answers.forEach((answer, index) => {
      const subscription = subscriptions[index];
      if (answer.status === "fulfilled") lists.push(answer.value);
      else if (subscription) failed.push({ subscription, error: answer.reason });
    });
    if (failed[0] && failed.length === subscriptions.length) throw failed[0].error;
    const now = lists.map((list) => this.rowsOf(list));
    for (const list of this.made.keys()) if (!lists.includes(list)) this.made.delete(list);
    if (now.length !== this.shown.length || now.some((rows, index) => rows !== this.shown[index])) {
      this.shown = now;
      this.all = now.flat();
    }
    return { rows: this.all, subscriptions, failed };
  }

  private listOf({ id }: Subscription): WatchedList<T> {
    const known = this.lists.get(id);
    if (known) return known;
    const made = new WatchedList<T>(`${id}/providers/${this.type}`, this.options);
    this.lists.set(id, made);
    return made;
  }

  private rowsOf(list: readonly T[]): readonly R[] {
    const known = this.made.get(list);
    if (known) return known;
    const made = list.map(this.toRow);
    this.made.set(list, made);
    return made;
  }
}
