/** A search through all of a log, answer after answer. */

import { useCallback, useEffect, useRef, useState } from "react";
import { isAbort } from "../../../api/errors";
import type { LogLine } from "../../../api/types";
import { askLog } from "./useLog";

/** Matching lines that are shown. */
export const MOST_HITS = 500;

export interface Search {
  /** Undefined before the first. */
  hits: readonly LogLine[] | undefined;
  /** There may be more than are shown. */
  cut: boolean;
  /** While it goes on: the part of the log that was looked at, 0 to 1. */
  progress: number | undefined;
  error: unknown;
  run: (grep: string, ignoreCase: boolean) => void;
  clear: () => void;
}

export function useSearch(id: string): Search {
  const [hits, setHits] = useState<readonly LogLine[]>();
  const [cut, setCut] = useState(false);
  const [progress, setProgress] = useState<number>();
  const [error, setError] = useState<unknown>();
  const end = useRef(new AbortController());

  useEffect(() => () => end.current.abort(), []);

  const clear = useCallback(() => {
    end.current.abort();
    setHits(undefined);
    setError(undefined);
    setProgress(undefined);
  }, []);

  const run = useCallback(
    (grep: string, ignoreCase: boolean) => {
      clear();
      end.current = new AbortController();
      const { signal } = end.current;
      const search = async (): Promise<void> => {
        const found: LogLine[] = [];
        let from = 0;
        let end: number | undefined;
        setProgress(0);
        setCut(false);
        for (;;) {
          const page = await askLog(id, { grep, ignoreCase, from, lines: MOST_HITS }, signal);
          if (signal.aborted) return;
          found.push(...page.lines);
          setHits(found.slice(0, MOST_HITS));
          from = page.next;
          // As far as the log was at first: one that grows faster than it is searched would never be done.
          end ??= page.end;
          if (!page.more || from >= end || found.length >= MOST_HITS) {
            setCut((page.more && from < end) || found.length > MOST_HITS);
            return;
          }
          setProgress(Math.min(1, (from - page.start) / Math.max(1, end - page.start)));
        }
      };
      search()
        .catch((thrown: unknown) => {
          if (!signal.aborted && !isAbort(thrown)) setError(thrown);
        })
        .finally(() => {
          if (!signal.aborted) setProgress(undefined);
        });
    },
    [clear, id],
  );

  return { hits, cut, progress, error, run, clear };
}
