/** One request to the control plane: token, renewal after a 401, a bound on the wait, and errors that explain themselves. */

import { pause } from "../pause";
import { locale } from "../text/language";
import { answered, silent } from "./connectivity";
import { errorOf, isAbort, late, notOurs, unreachable } from "./errors";
import { session } from "./session";

/** An action such as NMI waits up to 25 s for what the host saw. */
const SECONDS = 40;
/** Until a network that has just changed is asked again. */
const AGAIN_SECONDS = 0.5;

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface Options {
  /** `api-version`. */
  version?: string | undefined;
  query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
  body?: unknown;
  headers?: Readonly<Record<string, string>> | undefined;
  /** Why, in a person's words: it stands beside the deed in the activity log. */
  reason?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** The answer, whatever its status but 401: that one leads to a new token once, then to the sign-in page. */
export async function exchange(method: Method, path: string, options: Options = {}): Promise<Response> {
  const address = addressOf(path, options);
  const token = await session().token();
  const first = await once(method, address, options, token);
  if (first.status !== 401) return first;
  const second = await once(method, address, options, await session().token(token));
  return second.status === 401 ? session().signIn() : second;
}

/** Like `exchange`; a status of 400 or more is thrown as ApiError. */
export async function send(method: Method, path: string, options: Options = {}): Promise<Response> {
  const response = await exchange(method, path, options);
  if (response.status < 400) return response;
  throw errorOf(response, await jsonOrNothing(response));
}

/** The JSON of an answer; undefined when it has no body. */
export async function bodyOf<T>(response: Response): Promise<T> {
  const text = await textOf(response);
  if (!text) return undefined as T;
  try {
    return JSON.parse(text) as T;
  } catch {
    throw notOurs(response.status, response.headers.get("x-ms-request-id") ?? "");
  }
}

/**
 * Addresses that the server made (`nextLink`, `Azure-AsyncOperation`) name the server as its caller did: of those only
 * path and query are kept, so that a token never goes to another origin.
 */
export function addressOf(path: string, options: Pick<Options, "version" | "query"> = {}): string {
  const address = new URL(path, location.origin);
  if (options.version !== undefined) address.searchParams.set("api-version", options.version);
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value !== undefined) address.searchParams.set(name, String(value));
  }
  return address.pathname + address.search;
}

async function once(method: Method, address: string, options: Options, token: string): Promise<Response> {
  const limit = AbortSignal.timeout(SECONDS * 1000);
  try {
    const ask = (): Promise<Response> =>
      fetch(address, {
        method,
        headers: {
          Accept: "application/json",
          "Accept-Language": locale(),
          ...(options.body !== undefined && { "Content-Type": "application/json" }),
          ...(options.reason && { "Outofband-Reason": encodeURIComponent(options.reason) }),
          ...options.headers,
          Authorization: `Bearer ${token}`,
        },
        ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
        signal: options.signal ? AbortSignal.any([options.signal, limit]) : limit,
      });
    const response = await (method === "GET" ? twice(ask, options.signal) : ask());
    answered();
    return response;
  } catch (thrown) {
    throw explainLoss(thrown, options.signal);
  }
}

/**
 * Asks once more when the network loses the first try: a laptop that changes from one network to another loses what was on
 * its way. Only for what changes nothing.
 */
export async function twice(ask: () => Promise<Response>, signal?: AbortSignal): Promise<Response> {
  try {
    return await ask();
  } catch (thrown) {
    // So says fetch of every loss; an end of the wait is a DOMException.
    if (!(thrown instanceof TypeError)) throw thrown;
  }
  await pause(AGAIN_SECONDS, signal);
  return ask();
}

function explainLoss(thrown: unknown, wanted: AbortSignal | undefined): unknown {
  if (wanted?.aborted || isAbort(thrown)) return new DOMException("No longer wanted", "AbortError");
  if (thrown instanceof DOMException && thrown.name === "TimeoutError") return late(SECONDS);
  silent();
  return unreachable();
}

/** All of an answer. Throws ApiError when the network loses the rest of it. */
export async function textOf(response: Response): Promise<string> {
  try {
    return await response.text();
  } catch (thrown) {
    throw explainLoss(thrown, undefined);
  }
}

async function jsonOrNothing(response: Response): Promise<unknown> {
  try {
    return JSON.parse(await response.text());
  } catch {
    return undefined;
  }
}
