import { useCallback, useState } from "react";
import { arm, VERSIONS } from "../../api/client";
import { explained } from "../../api/errors";
import type { Observation, OperationStatus } from "../../api/types";
import { t } from "../../text";
import { act, cutPower, redeploy, reset, subjectOf } from "../vms/actions";
import type { Machine } from "../vms/machine";
import type { PowerAction } from "../vms/power";

export type Deed = PowerAction | "reset" | "redeploy" | "force" | "delete";

/** How the last deed went. */
export interface Outcome {
  deed: Deed;
  /** What the host saw happen. */
  observed?: string;
  error?: unknown;
}

/** How far a deed is, where its operation tells. */
export interface Progress {
  percent?: number;
  /** What is done now. */
  phase?: string;
}

export interface Deeds {
  /** The deed under way. */
  busy: Deed | undefined;
  progress: Progress;
  outcome: Outcome | undefined;
  /** `reason`: why, for the activity log. */
  begin: (deed: Deed, reason?: string) => Promise<void>;
  dismiss: () => void;
}

/** What can be done to one machine, and what came of it. `onEnd` is called when a deed has ended, well or not. */
export function useDeeds(machine: Pick<Machine, "id" | "name">, onEnd: () => void): Deeds {
  const { id, name } = machine;
  const [busy, setBusy] = useState<Deed>();
  const [progress, setProgress] = useState<Progress>({});
  const [outcome, setOutcome] = useState<Outcome>();
  const begin = useCallback(
    async (deed: Deed, reason?: string) => {
      setOutcome(undefined);
      setProgress({});
      setBusy(deed);
      try {
        const seen = await perform(deed, { id, name, reason }, (status) => setProgress(progressOf(status)));
        setOutcome({ deed, ...(seen?.observed && { observed: seen.observed }) });
      } catch (error) {
        setOutcome({ deed, error });
      } finally {
        setBusy(undefined);
        onEnd();
      }
    },
    [id, name, onEnd],
  );
  const dismiss = useCallback(() => setOutcome(undefined), []);
  return { busy, progress, outcome, begin, dismiss };
}

/** The guest was asked and did not react: it may still be forced. */
export function isUnmoved(outcome: Outcome): boolean {
  return (
    outcome.deed === "powerOff" &&
    outcome.error !== undefined &&
    explained(outcome.error).code === "VmStopTimeout"
  );
}

function progressOf({ percentComplete, properties }: OperationStatus): Progress {
  return {
    ...(percentComplete !== undefined && { percent: percentComplete }),
    ...(properties?.phase && { phase: properties.phase }),
  };
}

function perform(
  deed: Deed,
  target: Pick<Machine, "id" | "name"> & { reason?: string | undefined },
  onStatus: (status: OperationStatus) => void,
): Promise<Observation | undefined> {
  switch (deed) {
    case "force":
      return cutPower(target);
    case "reset":
      return reset(target);
    case "redeploy":
      return redeploy(target, onStatus);
    case "delete":
      return arm.begin(target.id, {
        method: "DELETE",
        version: VERSIONS.compute,
        title: t("vm.noticeDelete", { name: target.name }),
        subject: subjectOf(target),
        reason: target.reason,
      });
    default:
      return act(deed, target);
  }
}
