import { useCallback, useState } from "react";
import { failures, onEach } from "../shared/bulk";
import { act } from "./actions";
import type { Machine } from "./machine";
import type { PowerAction } from "./power";

export interface Failure {
  machine: Machine;
  error: unknown;
}

/** How one action on several machines goes: `ended` of `total`, and once all have, who failed. */
export interface Run {
  action: PowerAction;
  total: number;
  ended: number;
  failed: readonly Failure[] | undefined;
}

export interface Bulk {
  /** The run under way, or the last one while its failures are to be seen. */
  run: Run | undefined;
  /** `reason`: why, for the activity log. */
  begin: (action: PowerAction, machines: readonly Machine[], reason?: string) => Promise<void>;
  dismiss: () => void;
}

/** Every machine has a notification of its own; this keeps the whole together, and who failed until it was seen. */
export function useBulk(onEnd: () => void): Bulk {
  const [run, setRun] = useState<Run>();
  const begin = useCallback(
    async (action: PowerAction, machines: readonly Machine[], reason?: string) => {
      const total = machines.length;
      setRun({ action, total, ended: 0, failed: undefined });
      const outcomes = await onEach(
        machines,
        ({ id, name }) => act(action, { id, name, reason }),
        (ended) => setRun((now) => now && { ...now, ended }),
      );
      const failed = failures(outcomes).map(({ subject, error }) => ({ machine: subject, error }));
      setRun(failed.length > 0 ? { action, total, ended: total, failed } : undefined);
      onEnd();
    },
    [onEnd],
  );
  const dismiss = useCallback(() => setRun(undefined), []);
  return { run, begin, dismiss };
}
