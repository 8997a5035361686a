/** The live list of machines, over every subscription the person has a role in. */

import { useCallback, useRef } from "react";
import { VERSIONS } from "../../api/client";
import type { Subscription, VirtualMachine } from "../../api/types";
import { type Polled, usePoll } from "../../components";
import { COMPUTE_VM } from "../shared/resourceId";
import { WatchedEverywhere } from "../shared/watchedEverywhere";
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
  const watch = useRef<WatchedEverywhere<VirtualMachine, Machine>>(undefined);
  const before = useRef<readonly Machine[]>([]);
  const load = useCallback(async (signal: AbortSignal) => {
    watch.current ??= new WatchedEverywhere(
      COMPUTE_VM,
      { version: VERSIONS.compute, query: { $expand: "instanceView", $top: PAGE } },
      toMachine,
    );
    const { rows, ...rest } = await watch.current.read(signal);
    before.current = reconcile(before.current, rows);
    return { machines: before.current, ...rest };
  }, []);
  return usePoll(load, REFRESH_SECONDS);
}
