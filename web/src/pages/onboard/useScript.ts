import { useCallback, useEffect, useMemo, useState } from "react";
import { arm } from "../../api/client";
import { type Polled, usePoll } from "../../components";
import { placeOf } from "../shared/resourceId";
import { bodyOf, isComplete, type Wishes } from "./wishes";

/** Milliseconds without a change before the script is asked for: it is made anew for every one. */
const REST = 300;

/** The script as the control plane makes it. */
export interface Script {
  /** Of its file. */
  name: string;
  script: string;
}

/** The script for what is wished now; undefined while the form is not complete. Throws nothing: see `error`. */
export function useScript(wishes: Wishes): Polled<Script | undefined> {
  const wanted = useMemo(
    () => (isComplete(wishes) ? JSON.stringify(bodyOf(wishes, placeOf(wishes.group))) : ""),
    [wishes],
  );
  const settled = useSettled(wanted);
  const load = useCallback(
    async (signal: AbortSignal) =>
      settled
        ? arm.post<Script>("/fleet/onboarding", { body: JSON.parse(settled) as unknown, signal })
        : undefined,
    [settled],
  );
  return usePoll(load, 0);
}

/** The value once it rests. The first one counts at once. */
function useSettled(value: string): string {
  const [settled, settle] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => settle(value), REST);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
