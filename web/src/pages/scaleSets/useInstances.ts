import { useCallback } from "react";
import type { Subscription } from "../../api/types";
import { usePoll } from "../../components";
import { type Machine, toMachine } from "../vms/machine";
import { loadAllInstances } from "./sets";

/** Every instance of every scale set, asked for once; undefined until it is known. */
export function useInstances(subscriptions: readonly Subscription[] | undefined): Machine[] | undefined {
  const load = useCallback(
    async (signal: AbortSignal) => (await loadAllInstances(subscriptions ?? [], signal)).map(toMachine),
    [subscriptions],
  );
  return usePoll(load, 0).data;
}
