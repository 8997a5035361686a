/** What this tab has begun and how it ended: the notifications. They last as long as the tab, reloads included. */

import { ApiError, explained } from "./api/errors";
import { createStore } from "./store";

export interface Subject {
  name: string;
  /** Its page, inside the portal. */
  href: string;
}

export type Progress = "running" | "succeeded" | "failed";

export interface Notice {
  readonly id: string;
  readonly title: string;
  readonly subject?: Subject;
  readonly progress: Progress;
  /** ISO times. */
  readonly began: string;
  readonly ended?: string;
  readonly error?: ApiError;
  /** Ended, and not yet seen by the person. */
  readonly unread: boolean;
  /** The address that tells how the operation goes. */
  readonly monitor?: string;
}

/** More are forgotten, the oldest ended ones first. */
const KEPT = 50;
const PLACE = "oob.notices";

const store = createStore<readonly Notice[]>(restored());

store.subscribe(() => {
  try {
    sessionStorage.setItem(PLACE, JSON.stringify(store.get().map(plain)));
  } catch {
    // Storage that is full or forbidden only costs the memory across a reload.
  }
});

export const notices = {
  get: store.get,
  subscribe: store.subscribe,
  /** Newest first. */
  store,

  start(title: string, subject?: Subject): string {
    const id = crypto.randomUUID();
    const notice: Notice = {
      id,
      title,
      ...(subject && { subject }),
      progress: "running",
      began: new Date().toISOString(),
      unread: false,
    };
    store.update((all) => bounded([notice, ...all]));
    return id;
  },

  /** `monitor` leads to the operation's state, also after a reload. */
  watch(id: string, monitor: string): void {
    change(id, { monitor });
  },

  succeed(id: string): void {
    change(id, { progress: "succeeded", ended: new Date().toISOString(), unread: true });
  },

  fail(id: string, error: ApiError): void {
    change(id, { progress: "failed", ended: new Date().toISOString(), unread: true, error });
  },

  drop(id: string): void {
    store.update((all) => all.filter((each) => each.id !== id));
  },

  /** Everything that has ended. */
  clear(): void {
    store.update((all) => all.filter((each) => each.progress === "running"));
  },

  read(): void {
    store.update((all) =>
      all.some((each) => each.unread) ? all.map((each) => ({ ...each, unread: false })) : all,
    );
  },

  /** Shows `work` among the notifications; for an action that answers when it is done. */
  async track<T>(title: string, work: () => Promise<T>, subject?: Subject): Promise<T> {
    const id = notices.start(title, subject);
    try {
      const result = await work();
      notices.succeed(id);
      return result;
    } catch (thrown) {
      notices.fail(id, explained(thrown));
      throw thrown;
    }
  },
};

/** Runs, or has ended since this page was loaded. */
export function isOfThisPage({ ended }: Notice): boolean {
  return ended === undefined || Date.parse(ended) >= performance.timeOrigin;
}

function change(id: string, what: Partial<Notice>): void {
  store.update((all) => all.map((each) => (each.id === id ? { ...each, ...what } : each)));
}

function bounded(all: readonly Notice[]): readonly Notice[] {
  let surplus = all.length - KEPT;
  if (surplus <= 0) return all;
  return [...all]
    .reverse()
    .filter((each) => each.progress === "running" || surplus-- <= 0)
    .reverse();
}

/** An Error loses its message in JSON. */
function plain(notice: Notice): object {
  const { error } = notice;
  return error ? { ...notice, error: { ...error, message: error.message } } : notice;
}

function restored(): readonly Notice[] {
  try {
    const kept = JSON.parse(sessionStorage.getItem(PLACE) ?? "[]") as Notice[];
    return kept.map((each) => (each.error ? { ...each, error: new ApiError(each.error) } : each));
  } catch {
    return [];
  }
}
