/** A stand-in for the control plane's side of `fetch`: answers in the order they were set, and what was asked. */

import { vi } from "vitest";

export interface Asked {
  method: string;
  url: string;
  headers: Headers;
  body: string | undefined;
}

export type Answer = Response | Error | ((asked: Asked) => Response | Promise<Response>);

export interface Server {
  asked: Asked[];
  answer(...answers: Answer[]): void;
}

/** Replaces `fetch` until the end of the test. A request more than there are answers fails the test. */
export function serve(): Server {
  const asked: Asked[] = [];
  const waiting: Answer[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const one = {
      method: init?.method ?? "GET",
      url: String(input),
      headers: new Headers(init?.headers),
      body: init?.body as string | undefined,
    };
    asked.push(one);
    init?.signal?.throwIfAborted();
    const next = waiting.shift();
    if (next === undefined) throw new Error(`no answer was set for ${one.method} ${one.url}`);
    if (next instanceof Error) throw next;
    return typeof next === "function" ? next(one) : next;
  });
  return { asked, answer: (...answers) => waiting.push(...answers) };
}

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}

export function refusal(status: number, code: string, info: object = {}): Response {
  const error = {
    code,
    message: `${code} happened.`,
    additionalInfo: [{ type: "OutofbandRemedy", info: { title: `Title of ${code}`, ...info } }],
  };
  return json({ error }, status, { "x-ms-request-id": "request-1" });
}
