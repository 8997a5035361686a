/** The REST API by verb. Everything throws ApiError, or a DOMException named AbortError when `signal` ended it. */

import { type Notice, notices, type Subject } from "../notices";
import { explained } from "./errors";
import { type Following, follow, monitorOf } from "./operations";
import { bodyOf, type Method, type Options, send } from "./transport";
import type { Page } from "./types";

export type { Options } from "./transport";

/** The api-version that the portal speaks of each provider. */
export const VERSIONS = {
  authorization: "2022-04-01",
  classicCompute: "2017-04-01",
  compute: "2024-11-01",
  consolePolicies: "2026-11-01",
  diagnostics: "2026-11-01",
  hybridCompute: "2024-07-10",
  insights: "2015-04-01",
  network: "2024-05-01",
  resourceHealth: "2025-05-01",
  resources: "2022-12-01",
  serialConsole: "2018-05-01",
} as const;

/** Pages of one list; more is a server that leads in circles. */
const MAX_PAGES = 1000;

export interface Beginning extends Options {
  /** POST unless said otherwise. */
  method?: Method;
  /** What the notification says, for instance `Start web1`. */
  title: string;
  /** What it is done to, to go there from the notification. */
  subject?: Subject;
  onStatus?: Following["onStatus"];
}

async function call<T>(method: Method, path: string, options?: Options): Promise<T> {
  return bodyOf<T>(await send(method, path, options));
}

export const arm = {
  get: <T>(path: string, options?: Options): Promise<T> => call<T>("GET", path, options),
  post: <T>(path: string, options?: Options): Promise<T> => call<T>("POST", path, options),
  put: <T>(path: string, options?: Options): Promise<T> => call<T>("PUT", path, options),
  patch: <T>(path: string, options?: Options): Promise<T> => call<T>("PATCH", path, options),
  delete: <T = void>(path: string, options?: Options): Promise<T> => call<T>("DELETE", path, options),

  /** Every item of a list, page after page. */
  async list<T>(path: string, options?: Options): Promise<T[]> {
    const found: T[] = [];
    let page = await arm.get<Page<T>>(path, options);
    for (let pages = 1; ; pages++) {
      found.push(...page.value);
      const next = page.nextLink ?? page["@odata.nextLink"];
      if (!next || pages >= MAX_PAGES) return found;
      page = await arm.get<Page<T>>(next, { signal: options?.signal });
    }
  },

  /**
   * Begins a change, shows it among the notifications, and waits for its end; the output of the operation is the result.
   * The change goes on when the page that began it is left.
   */
  async begin<T = void>(path: string, beginning: Beginning): Promise<T> {
    const { method = "POST", title, subject, onStatus, ...options } = beginning;
    const notice = notices.start(title, subject);
    try {
      const response = await send(method, path, options);
      const monitor = monitorOf(response);
      if (monitor === undefined) {
        const body = await bodyOf<T>(response);
        notices.succeed(notice);
        return body;
      }
      notices.watch(notice, monitor);
      const output = await follow<T>(monitor, { onStatus });
      notices.succeed(notice);
      return output;
    } catch (thrown) {
      notices.fail(notice, explained(thrown));
      throw thrown;
    }
  },
};

/** After a reload: goes on with what this tab had begun. */
export function resume(unfinished: readonly Notice[]): void {
  for (const { id, monitor } of unfinished) {
    if (monitor === undefined) {
      notices.drop(id);
    } else {
      follow(monitor).then(
        () => notices.succeed(id),
        (thrown: unknown) => notices.fail(id, explained(thrown)),
      );
    }
  }
}
