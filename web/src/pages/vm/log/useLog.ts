/** The log of a machine on a page: its end, followed; or any other part of it. */

import { useCallback, useEffect, useRef, useState } from "react";
import { arm, VERSIONS } from "../../../api/client";
import { isAbort } from "../../../api/errors";
import type { LogPage, LogWish } from "../../../api/types";
import { pause } from "../../../pause";
import { portOf } from "../../shared/resourceId";
import { appended, type LogView, MOST, prepended, viewOf } from "./view";

const LINES = 300;
const WAIT_SECONDS = 20;
/** After a line that the guest has not ended: it often goes on at once. */
const OPEN_SECONDS = 2;
const RETRY_SECONDS = 3;
/** How often what is kept elsewhere is looked at while the host is away. */
const KEPT_SECONDS = 10;

export interface Log {
  view: LogView | undefined;
  /** Why it could not be read; what was read before stays. */
  error: unknown;
  busy: boolean;
  following: boolean;
  /** Offset that was jumped to last; a new object with each jump. */
  target: { offset: number } | undefined;
  follow: (on: boolean) => void;
  jump: (offset: number) => void;
  earlier: () => void;
  later: () => void;
}

export function askLog(id: string, wish: LogWish, signal?: AbortSignal): Promise<LogPage> {
  return arm.post<LogPage>(portOf(id, "log"), {
    version: VERSIONS.serialConsole,
    body: wish,
    signal,
  });
}

export interface Reading {
  /** Of a page. */
  lines: number;
  /** Items that are kept. */
  most: number;
  colours: boolean;
}

const READING: Reading = { lines: LINES, most: MOST, colours: false };

/** `first`: an offset to begin with, instead of the end. It has to stay the same, and so has `reading`. */
export function useLog(id: string, first?: number, reading = READING): Log {
  const [view, setView] = useState<LogView>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const [following, setFollowing] = useState(first === undefined);
  const [target, setTarget] = useState<{ offset: number }>();
  const end = useRef(new AbortController());

  /** Every change of what is shown ends the one before it. */
  const begin = useCallback((): AbortSignal => {
    end.current.abort();
    end.current = new AbortController();
    return end.current.signal;
  }, []);

  const load = useCallback(
    async (wish: LogWish, change: (page: LogPage) => void): Promise<void> => {
      const signal = begin();
      setBusy(true);
      setError(undefined);
      try {
        const page = await askLog(id, { ...wanted(reading), ...wish }, signal);
        if (!signal.aborted) change(page);
      } catch (thrown) {
        if (!signal.aborted && !isAbort(thrown)) setError(thrown);
      } finally {
        if (!signal.aborted) setBusy(false);
      }
    },
    [begin, id, reading],
  );

  useEffect(() => {
    if (!following) return;
    // What is being loaded is not wanted any more; and what this follows is ended by leaving it, nothing else.
    begin();
    const own = new AbortController();
    setBusy(true);
    setTarget(undefined);
    void followEnd(id, reading, own.signal, {
      page: (page, first) => {
        setBusy(false);
        setError(undefined);
        setView((now) => (first || !now ? viewOf(page) : appended(now, page, reading.most)));
      },
      failed: (thrown) => {
        setBusy(false);
        setError(thrown);
      },
    });
    return () => own.abort();
  }, [begin, following, id, reading]);

  // The last one to go: whatever is still on its way is not wanted.
  useEffect(() => () => end.current.abort(), []);

  const jump = useCallback(
    (offset: number) => {
      setFollowing(false);
      void load({ from: Math.max(0, offset), align: true }, (page) => {
        setView(viewOf(page));
        setTarget({ offset });
      });
    },
    [load],
  );

  useEffect(() => {
    if (first !== undefined) jump(first);
  }, [first, jump]);

  const earlier = useCallback(() => {
    setFollowing(false);
    setTarget(undefined);
    if (view)
      void load({ before: view.from }, (page) => setView((now) => now && prepended(now, page, reading.most)));
  }, [load, reading, view]);

  const later = useCallback(() => {
    setTarget(undefined);
    if (view)
      void load({ from: view.next }, (page) => setView((now) => now && appended(now, page, reading.most)));
  }, [load, reading, view]);

  return { view, error, busy, following, target, follow: setFollowing, jump, earlier, later };
}

function wanted(reading: Reading): LogWish {
  return { lines: reading.lines, ...coloured(reading) };
}

/** Left out where it is not wanted: an older control plane does not know the word. */
function coloured(reading: Reading): LogWish {
  return reading.colours ? { colours: true } : {};
}

interface Told {
  page: (page: LogPage, first: boolean) => void;
  failed: (error: unknown) => void;
}

/** The last lines, and then what comes, for as long as `signal` lets it. */
async function followEnd(id: string, reading: Reading, signal: AbortSignal, told: Told): Promise<void> {
  let page: LogPage | undefined;
  while (!signal.aborted) {
    try {
      await shown(signal);
      const wish: LogWish = page
        ? { from: page.next, after: page.end, wait: waitAfter(page), lines: 2000, ...coloured(reading) }
        : wanted(reading);
      const found = await askLog(id, wish, signal);
      if (signal.aborted) return;
      told.page(found, page === undefined);
      page = found;
      if (!found.live && !found.more) await pause(KEPT_SECONDS, signal);
    } catch (thrown) {
      if (signal.aborted || isAbort(thrown)) return;
      told.failed(thrown);
      await pause(RETRY_SECONDS, signal).catch(() => undefined);
    }
  }
}

function waitAfter(page: LogPage): number {
  if (page.more) return 0;
  return page.lines.at(-1)?.open ? OPEN_SECONDS : WAIT_SECONDS;
}

/** Settles when somebody may be looking. */
async function shown(signal: AbortSignal): Promise<void> {
  while (document.hidden && !signal.aborted) await pause(1, signal);
}
