/** The live list of machines, over every subscription the person has a role in. */

import { useCallback, useRef } from "react";
import { VERSIONS } from "../../api/client";
import type { Subscription, VirtualMachine } from "../../api/types";
import { type Polled, usePoll } from "../../components";
import { COMPUTE_VM } from "../shared/resourceId";
import { WatchedList } from "../shared/watched";
import { type Machine, reconcile, toMachine } from "./machine";

export const REFRESH_SECONDS = 2.5;
const PAGE = 1000;

export interface Listing {
  machines: readonly Machine[];
  subscriptions: readonly Subscription[];
  /** Subscriptions whose machines could not be read. */
  failed: readonly { subscription: Subscription; error: unknown }[];
}

export function useMachines(): Polled<Listing> {
  const watch = useRef<Watch>(undefined);
  const load = useCallback((signal: AbortSignal) => {
    watch.current ??= new Watch();
    return watch.current.read(signal);
  }, []);
  return usePoll(load, REFRESH_SECONDS);
}

/** What was read before, so that only what changed is sent, read and drawn again. */
class Watch {
  private readonly subscriptions = new WatchedList<Subscription>("/subscriptions", {
    version: VERSIONS.resources,
  });
  private readonly lists = new Map<string, WatchedList<VirtualMachine>>();
  private readonly rows = new Map<readonly VirtualMachine[], readonly Machine[]>();
  private machines: readonly Machine[] = [];

  /** Throws only when nothing at all could be read. */
  async read(signal: AbortSignal): Promise<Listing> {
    const subscriptions = await this.subscriptions.read(signal);
    const answers = await Promise.allSettled(subscriptions.map((each) => this.listOf(each).read(signal)));
    const lists: (readonly VirtualMachine[])[] = [];
    const failed: { subscription: Subscription; error: unknown }[] = [];
    answers.forEach((answer, index) => {
      const subscription = subscriptions[index];
      if (answer.status === "fulfilled") lists.push(answer.value);
      else if (subscription) failed.push({ subscription, error: answer.reason });
    });
    if (failed[0] && failed.length === subscriptions.length) throw failed[0].error;
    this.machines = reconcile(
      this.machines,
      lists.flatMap((list) => this.rowsOf(list)),
    );
    for (const list of this.rows.keys()) if (!lists.includes(list)) this.rows.delete(list);
    return { machines: this.machines, subscriptions, failed };
  }

  private listOf({ id }: Subscription): WatchedList<VirtualMachine> {
    const known = this.lists.get(id);
    if (known) return known;
    const made = new WatchedList<VirtualMachine>(`${id}/providers/${COMPUTE_VM}`, {
      version: VERSIONS.compute,
      query: { $expand: "instanceView", $top: PAGE },
    });
    this.lists.set(id, made);
    return made;
  }

  private rowsOf(list: readonly VirtualMachine[]): readonly Machine[] {
    const known = this.rows.get(list);
    if (known) return known;
    const made = list.map(toMachine);
    this.rows.set(list, made);
    return made;
  }
}
