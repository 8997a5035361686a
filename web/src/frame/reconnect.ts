/** Looks for a control plane that has stopped to answer, until it does again. */

import { answered, connectivity } from "../api/connectivity";
import { pause } from "../pause";

const FIRST_SECONDS = 1;
const SLOWEST_SECONDS = 15;
const TRY_MS = 5000;

/** Follows connectivity until `signal`: one round of tries for each loss. */
export function watchConnectivity(signal: AbortSignal): void {
  let looking = false;
  const look = async (): Promise<void> => {
    if (looking || connectivity.get().reachable) return;
    looking = true;
    try {
      for (let wait = FIRST_SECONDS; !signal.aborted && !connectivity.get().reachable; ) {
        await pause(wait, signal);
        if (await answers(signal)) answered();
        wait = Math.min(wait * 2, SLOWEST_SECONDS);
      }
    } catch {
      // Only the signal ends a pause early.
    } finally {
      looking = false;
    }
  };
  const stop = connectivity.subscribe(() => void look());
  signal.addEventListener("abort", stop, { once: true });
  void look();
}

/** One try: `/healthz` needs no token, and answers as soon as the process does. */
export async function answers(signal?: AbortSignal): Promise<boolean> {
  const limit = AbortSignal.timeout(TRY_MS);
  try {
    const response = await fetch("/healthz", {
      cache: "no-store",
      credentials: "omit",
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    return response.ok;
  } catch {
    return false;
  }
}
