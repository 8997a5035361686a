import { useState } from "react";
import { arm, VERSIONS } from "../../../api/client";
import type { VirtualMachine } from "../../../api/types";
import type { Interface } from "./network";
import { type CardView, resetCard, type Stage, stagesOf, viewOf } from "./nic";

export interface NicResult {
  before: CardView;
  after: CardView;
  /** What the host saw happen; absent when the machine was off. */
  observed?: string;
}

export interface NicReset {
  busy: boolean;
  /** Of this time, in their order; empty before the first. */
  stages: readonly Stage[];
  /** The one that goes on, or that failed. */
  stage: Stage | undefined;
  result: NicResult | undefined;
  error: unknown;
  begin: (card: Interface, wanted: Pick<CardView, "address" | "fixed">, off: boolean) => Promise<void>;
}

/** One reset after another, and what came of the last. */
export function useNicReset(vm: VirtualMachine, onEnd: () => Promise<void>): NicReset {
  const [busy, setBusy] = useState(false);
  const [stages, setStages] = useState<readonly Stage[]>([]);
  const [stage, setStage] = useState<Stage>();
  const [result, setResult] = useState<NicResult>();
  const [error, setError] = useState<unknown>();

  async function begin(
    card: Interface,
    wanted: Pick<CardView, "address" | "fixed">,
    off: boolean,
  ): Promise<void> {
    const version = VERSIONS.network;
    const before = viewOf(card);
    setBusy(true);
    setResult(undefined);
    setError(undefined);
    setStages(stagesOf(off));
    setStage("write");
    try {
      // As it is now: somebody may have written it since the page has read it.
      const current = await arm.get<Interface>(card.id, { version });
      const seen = await resetCard(vm, current, wanted, off, setStage);
      const after = viewOf(await arm.get<Interface>(card.id, { version }));
      setStage(undefined);
      setResult({ before, after, ...(seen?.observed && { observed: seen.observed }) });
    } catch (thrown) {
      setError(thrown);
    } finally {
      setBusy(false);
      await onEnd();
    }
  }

  return { busy, stages, stage, result, error, begin };
}
