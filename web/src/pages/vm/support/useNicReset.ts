import { useState } from "react";
import type { VirtualMachine } from "../../../api/types";
import { type NicResult, resetNic, type Seat } from "./nic";

export interface NicReset {
  busy: boolean;
  /** Whether the machine was off when the last one began: then its card comes with its next start. */
  off: boolean;
  result: NicResult | undefined;
  error: unknown;
  begin: (to: string | Seat | undefined, off: boolean) => Promise<void>;
}

/** One reset after another, and what came of the last. */
export function useNicReset(vm: VirtualMachine, onEnd: () => Promise<void>): NicReset {
  const [busy, setBusy] = useState(false);
  const [off, setOff] = useState(false);
  const [result, setResult] = useState<NicResult>();
  const [error, setError] = useState<unknown>();

  async function begin(to: string | Seat | undefined, isOff: boolean): Promise<void> {
    setBusy(true);
    setOff(isOff);
    setResult(undefined);
    setError(undefined);
    try {
      setResult(await resetNic(vm, to));
    } catch (thrown) {
      setError(thrown);
    } finally {
      setBusy(false);
      await onEnd();
    }
  }

  return { busy, off, result, error, begin };
}
