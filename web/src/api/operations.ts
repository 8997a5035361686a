/** Long-running operations: from the answer that began one to its end. */

import { pause } from "../pause";
import { canceled, explained, fromBody, isAbort } from "./errors";
import { bodyOf, send } from "./transport";
import type { OperationStatus } from "./types";

/** Between two polls, when the server does not say. */
const PACE_SECONDS = 1;
const SLOWEST_SECONDS = 15;

export interface Following {
  signal?: AbortSignal | undefined;
  onStatus?: ((status: OperationStatus) => void) | undefined;
}

/** The address to follow when `response` began an operation, undefined when it was done at once. */
export function monitorOf(response: Response): string | undefined {
  const status = response.headers.get("azure-asyncoperation");
  if (status) return status;
  return response.status === 202 ? (response.headers.get("location") ?? undefined) : undefined;
}

/**
 * Waits for the operation behind `monitor` and gives its output. A control plane that does not answer is asked again for
 * as long as it takes: operations survive its restart. Throws the operation's own error as ApiError.
 */
export async function follow<T>(monitor: string, { signal, onStatus }: Following = {}): Promise<T> {
  let silence = PACE_SECONDS;
  for (;;) {
    let response: Response;
    try {
      response = await send("GET", monitor, { signal });
    } catch (thrown) {
      const error = explained(thrown);
      if (isAbort(thrown) || !passes(error.status)) throw thrown;
      silence = Math.min(silence * 2, SLOWEST_SECONDS);
      await pause(silence, signal);
      continue;
    }
    silence = PACE_SECONDS;
    const body = await bodyOf<OperationStatus | T>(response);
    const status = statusOf(body);
    if (response.status !== 202) {
      if (status === undefined || status === "Succeeded") return outputOf<T>(body, status);
      if (status === "Failed") throw failure(body as OperationStatus, response);
      if (status === "Canceled") throw canceled(status);
    }
    if (status !== undefined) onStatus?.(body as OperationStatus);
    await pause(paceOf(response), signal);
  }
}

/** Refusals end the wait; a server that is away, overloaded or restarting does not. */
function passes(status: number): boolean {
  return status === 0 || status === 408 || status === 429 || status >= 500;
}

/** The word of a status document; a `Location` answers with the output itself, which has none of these words. */
function statusOf(body: unknown): string | undefined {
  const status = (body as OperationStatus | undefined)?.status;
  return typeof status === "string" && "startTime" in (body as object) ? status : undefined;
}

function outputOf<T>(body: unknown, status: string | undefined): T {
  return (status === undefined ? body : (body as OperationStatus).properties?.output) as T;
}

function failure(body: OperationStatus, response: Response): unknown {
  const requestId = response.headers.get("x-ms-request-id") ?? "";
  return fromBody(body.error ?? { code: "Failed", message: body.status }, 409, requestId);
}

function paceOf(response: Response): number {
  const said = Number(response.headers.get("retry-after"));
  return Number.isFinite(said) && said > 0 ? Math.min(said, SLOWEST_SECONDS) : PACE_SECONDS;
}
