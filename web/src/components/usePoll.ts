/** Fresh data for as long as somebody looks. */

import { useCallback, useEffect, useRef, useState } from "react";
import { connectivity } from "../api/connectivity";
import { isAbort } from "../api/errors";

export interface Polled<T> {
  /** The last good answer; it stays while later ones fail. */
  data: T | undefined;
  /** Why the last try failed; undefined after a good one. */
  error: unknown;
  /** True until the first try has ended. */
  loading: boolean;
  /** When `data` was true. */
  updated: Date | undefined;
  /** Asks now; settles when the answer is there, and never rejects. */
  refresh: () => Promise<void>;
}

/** After errors the interval doubles up to this. */
const SLOWEST_SECONDS = 60;

/**
 * Calls `fn` at once and then `seconds` after each answer; not while the tab is hidden, less often while it fails,
 * and at once when the control plane is back. A new `fn`
 * (another machine, another filter) starts over: wrap it in useCallback. `seconds` 0 asks only once.
 */
export function usePoll<T>(fn: (signal: AbortSignal) => Promise<T>, seconds: number): Polled<T> {
  const [state, setState] = useState<Omit<Polled<T>, "refresh"> & { fn: unknown }>(() => empty(fn));
  const run = useRef<() => Promise<void>>(() => Promise.resolve());

  useEffect(() => {
    const end = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let failures = 0;
    let running: Promise<void> | undefined;

    async function ask(): Promise<void> {
      try {
        const data = await fn(end.signal);
        if (end.signal.aborted) return;
        failures = 0;
        setState({ fn, data, error: undefined, loading: false, updated: new Date() });
      } catch (error) {
        if (end.signal.aborted || isAbort(error)) return;
        failures++;
        setState((before) => ({ ...(before.fn === fn ? before : empty<T>(fn)), error, loading: false }));
      }
    }

    function next(): Promise<void> {
      clearTimeout(timer);
      running ??= ask().finally(() => {
        running = undefined;
        plan();
      });
      return running;
    }

    function plan(): void {
      clearTimeout(timer);
      if (end.signal.aborted || seconds <= 0 || document.hidden) return;
      const wait = Math.min(seconds * 2 ** failures, Math.max(seconds, SLOWEST_SECONDS));
      timer = setTimeout(() => void next(), wait * 1000);
    }

    function seen(): void {
      if (document.hidden) clearTimeout(timer);
      else if (seconds > 0) void next();
    }

    const back = connectivity.subscribe(() => {
      if (connectivity.get().reachable && failures > 0) seen();
    });

    // An answer on its way may be older than what the caller has just done: it does not count.
    run.current = async () => {
      await running;
      if (!end.signal.aborted) await next();
    };
    document.addEventListener("visibilitychange", seen);
    void next();
    return () => {
      end.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
      back();
    };
  }, [fn, seconds]);

  const refresh = useCallback(() => run.current(), []);
  // What belongs to another `fn` is not shown under this one, not even for one frame.
  const { data, error, loading, updated } = state.fn === fn ? state : empty<T>(fn);
  return { data, error, loading, updated, refresh };
}

function empty<T>(fn: unknown): Omit<Polled<T>, "refresh"> & { fn: unknown } {
  return { fn, data: undefined, error: undefined, loading: true, updated: undefined };
}
