/** Running one call, and everything that came back. */

import { type ApiError, errorOf } from "../../api/errors";
import { exchange, type Method, textOf } from "../../api/transport";

export interface Outcome {
  status: number;
  /** From sending to the last byte. */
  milliseconds: number;
  headers: readonly (readonly [name: string, value: string])[];
  /** Pretty when it is JSON; empty when there is none. */
  body: string;
  /** The answer's error, explained. */
  error: ApiError | undefined;
  /** Where the operation that was begun tells how it goes. */
  monitor: string | undefined;
}

/** Throws ApiError only when no answer came: a refusal is an outcome like any other. */
export async function run(
  method: Method,
  address: string,
  headers: Readonly<Record<string, string>>,
  body: string | undefined,
): Promise<Outcome> {
  const began = performance.now();
  const response = await exchange(method, address, {
    headers,
    ...(body !== undefined && { body: JSON.parse(body) as unknown }),
  });
  const text = await textOf(response);
  const milliseconds = Math.round(performance.now() - began);
  const parsed = parse(text);
  return {
    status: response.status,
    milliseconds,
    headers: [...response.headers].sort(([one], [other]) => one.localeCompare(other)),
    body: parsed === undefined ? text : JSON.stringify(parsed, null, 2),
    error: response.status >= 400 ? errorOf(response, parsed) : undefined,
    monitor: response.headers.get("azure-asyncoperation") ?? undefined,
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
