import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { setSession } from "../../api/session";
import { WatchedList } from "./watched";

const signal = new AbortController().signal;

/** A server of pages whose tags follow their content; counts how often a body was sent. */
function serve(pages: Record<string, object>): { sent: () => number } {
  let sent = 0;
  vi.stubGlobal("fetch", (address: string, request: RequestInit) => {
    const body = JSON.stringify(pages[address]);
    const tag = `W/"${body.length}${body}"`.replaceAll(/[^\w/"]/g, "").replace("W", "W/");
    if (new Headers(request.headers).get("if-none-match") === tag) {
      return Promise.resolve(new Response(null, { status: 304 }));
    }
    sent++;
    return Promise.resolve(new Response(body, { headers: { ETag: tag } }));
  });
  return { sent: () => sent };
}

beforeEach(() =>
  setSession({ token: () => Promise.resolve("t"), signIn: () => new Promise(() => undefined) }),
);
afterEach(() => {
  setSession(undefined);
  vi.unstubAllGlobals();
});

describe("WatchedList", () => {
  const first = "/list?api-version=1&%24top=2";

  it("gives the very same array while nothing has changed, without a body being sent again", async () => {
    const server = serve({
      [first]: { value: ["a", "b"], nextLink: "https://elsewhere/list?skip=b" },
      "/list?skip=b": { value: ["c"] },
    });
    const list = new WatchedList<string>("/list", { version: "1", query: { $top: 2 } });
    const items = await list.read(signal);
    expect(items).toEqual(["a", "b", "c"]);
    expect(await list.read(signal)).toBe(items);
    expect(server.sent()).toBe(2);
  });

  it("reads what changed, and forgets pages that are no more", async () => {
    const pages: Record<string, object> = {
      [first]: { value: ["a", "b"], nextLink: "/list?skip=b" },
      "/list?skip=b": { value: ["c"] },
    };
    serve(pages);
    const list = new WatchedList<string>("/list", { version: "1", query: { $top: 2 } });
    await list.read(signal);
    pages["/list?skip=b"] = { value: ["c", "d"] };
    expect(await list.read(signal)).toEqual(["a", "b", "c", "d"]);
    pages[first] = { value: ["a"] };
    expect(await list.read(signal)).toEqual(["a"]);
  });
});
