import { useCallback, useEffect, useReducer, useRef, useState } from "react";
import { arm, VERSIONS } from "../../api/client";
import type { ActivityEvent, Page } from "../../api/types";
import { type Polled, usePoll } from "../../components";
import { filterOf, merge, SPANS, type Span } from "./deeds";

/** The scope of what belongs to no subscription: sign-ins, people, roles that hold everywhere. */
export const TENANT = "/";

const SECONDS = 10;
const TOP = 100;

export interface Activity {
  polled: Polled<Page<ActivityEvent>>;
  /** Everything read so far, newest first. */
  events: readonly ActivityEvent[];
  /** Reads what is older; absent when there is nothing older. */
  older: (() => Promise<void>) | undefined;
  /** True while that goes on. */
  busy: boolean;
  /** Why the last try to read older entries failed. */
  error: unknown;
}

interface Kept {
  events: readonly ActivityEvent[];
  /** Undefined until the first page is there, empty when nothing is older. */
  next: string | undefined;
}

type News = { kind: "reset" } | { kind: "newest" | "older"; page: Page<ActivityEvent> };

const NOTHING: Kept = { events: [], next: undefined };

/** The log of a scope. New entries come by themselves; older ones when they are asked for, and both stay. */
export function useActivity(scope: string, span: Span, resource?: string): Activity {
  const [kept, tell] = useReducer(follow, NOTHING);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const load = useCallback(
    (signal: AbortSignal) =>
      arm.get<Page<ActivityEvent>>(
        `${scope === TENANT ? "" : scope}/providers/Microsoft.Insights/eventtypes/management/values`,
        {
          version: VERSIONS.insights,
          query: { $filter: filterOf(SPANS[span], new Date(), resource), $top: TOP },
          signal,
        },
      ),
    [scope, span, resource],
  );
  const polled = usePoll(load, SECONDS);
  const question = useRef(load);

  // Another question: what was read before is no answer to it.
  useEffect(() => {
    question.current = load;
    tell({ kind: "reset" });
  }, [load]);
  const page = polled.data;
  useEffect(() => {
    if (page) tell({ kind: "newest", page });
  }, [page]);

  const { next } = kept;
  const older = useCallback(async () => {
    if (!next) return;
    setBusy(true);
    setError(undefined);
    try {
      const page = await arm.get<Page<ActivityEvent>>(next);
      if (question.current === load) tell({ kind: "older", page });
    } catch (thrown) {
      if (question.current === load) setError(thrown);
    } finally {
      setBusy(false);
    }
  }, [next, load]);

  return { polled, events: kept.events, older: next ? older : undefined, busy, error };
}

function follow(kept: Kept, news: News): Kept {
  if (news.kind === "reset") return NOTHING;
  const events = merge(kept.events, news.page.value);
  // Only the first of the newest pages leads on to what is older than all that is known.
  const next = news.kind === "older" ? (news.page.nextLink ?? "") : (kept.next ?? news.page.nextLink ?? "");
  return { events, next };
}
