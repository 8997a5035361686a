import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { json, refusal, type Server, serve } from "../../tests/server";
import { notices } from "../notices";
import { arm, resume } from "./client";
import { answered, connectivity } from "./connectivity";
import type { ApiError } from "./errors";
import { setSession } from "./session";
import { addressOf, exchange } from "./transport";

let server: Server;
let tokens: string[];
let signedInAgain: number;

beforeEach(() => {
  server = serve();
  tokens = ["old", "new"];
  signedInAgain = 0;
  setSession({
    token: async (refused) => {
      if (refused !== undefined && refused === tokens[0]) tokens.shift();
      return tokens[0] ?? "none";
    },
    signIn: () => {
      signedInAgain++;
      return Promise.reject(new Error("left for the sign-in page"));
    },
  });
});

afterEach(() => {
  setSession(undefined);
  notices.clear();
  vi.useRealTimers();
});

async function thrown(work: Promise<unknown>): Promise<ApiError> {
  return work.then(
    () => Promise.reject(new Error("nothing was thrown")),
    (error: unknown) => error as ApiError,
  );
}

describe("a request", () => {
  it("carries version, query, body and the token", async () => {
    server.answer(json({ ok: true }));
    const query = { $expand: "instanceView", absent: undefined };
    expect(await arm.post("/vms", { version: "2024-11-01", query, body: { a: 1 } })).toEqual({ ok: true });
    const [asked] = server.asked;
    expect(asked?.url).toBe("/vms?api-version=2024-11-01&%24expand=instanceView");
    expect(asked?.method).toBe("POST");
    expect(asked?.body).toBe('{"a":1}');
    expect(asked?.headers.get("authorization")).toBe("Bearer old");
    expect(asked?.headers.get("content-type")).toBe("application/json");
  });

  it("says why when somebody said so, in a header's characters", async () => {
    server.answer(json({}), json({}));
    await arm.post("/vms/1/nmi", { reason: "hängt seit 14:02" });
    await arm.post("/vms/1/nmi", { reason: "" });
    expect(server.asked.map((asked) => asked.headers.get("outofband-reason"))).toEqual([
      "h%C3%A4ngt%20seit%2014%3A02",
      null,
    ]);
  });

  it("may have no answer's body", async () => {
    server.answer(new Response(null, { status: 204 }));
    expect(await arm.delete("/vms/1")).toBeUndefined();
  });

  it("never takes a token to another origin", () => {
    expect(addressOf("https://elsewhere.example:8443/a/b?c=d&api-version=1")).toBe("/a/b?c=d&api-version=1");
    expect(addressOf("//elsewhere.example/a")).toBe("/a");
  });
});

describe("a refusal", () => {
  it("is thrown with cause, remedy, code and request id", async () => {
    const info = { cause: "It is off.", remedy: ["Start it."], action: "start-vm", fields: { vm: "web1" } };
    server.answer(refusal(409, "VmNotRunning", info));
    const error = await thrown(arm.get("/vms/1"));
    expect(error).toMatchObject({
      status: 409,
      code: "VmNotRunning",
      message: "VmNotRunning happened.",
      title: "Title of VmNotRunning",
      cause: "It is off.",
      remedy: ["Start it."],
      action: "start-vm",
      retryable: false,
      requestId: "request-1",
      fields: { vm: "web1" },
    });
  });

  it("that is not in our form says that something stands between", async () => {
    server.answer(new Response("<h1>Bad gateway</h1>", { status: 502 }));
    expect(await thrown(arm.get("/vms"))).toMatchObject({ code: "UnexpectedAnswer", status: 502 });
  });

  it("as a page where JSON should be is told too", async () => {
    server.answer(new Response("<html>", { status: 200 }));
    expect(await thrown(arm.get("/vms"))).toMatchObject({ code: "UnexpectedAnswer" });
  });
});

describe("a 401", () => {
  it("leads to a new token, once", async () => {
    server.answer(refusal(401, "ExpiredAuthenticationToken"), json({ value: 1 }));
    expect(await arm.get("/vms")).toEqual({ value: 1 });
    expect(server.asked.map((each) => each.headers.get("authorization"))).toEqual([
      "Bearer old",
      "Bearer new",
    ]);
    expect(signedInAgain).toBe(0);
  });

  it("with the new token leads to the sign-in page", async () => {
    server.answer(refusal(401, "InvalidAuthenticationToken"), refusal(401, "InvalidAuthenticationToken"));
    await expect(exchange("GET", "/vms")).rejects.toThrow("left for the sign-in page");
    expect(signedInAgain).toBe(1);
  });
});

describe("silence", () => {
  it("is told as such, and the banner learns of it until something answers", async () => {
    const lost = new TypeError("Failed to fetch");
    server.answer(lost, lost, json({}));
    expect(await thrown(arm.get("/vms"))).toMatchObject({ code: "ControlPlaneUnreachable", retryable: true });
    expect(connectivity.get().reachable).toBe(false);
    await arm.get("/vms");
    expect(connectivity.get().reachable).toBe(true);
  });

  it("of a moment is overcome by a second try, unless something is to be changed", async () => {
    server.answer(new TypeError("network changed"), json({ value: 1 }));
    expect(await arm.get("/vms")).toEqual({ value: 1 });
    expect(connectivity.get().reachable).toBe(true);
    server.answer(new TypeError("network changed"));
    expect(await thrown(arm.post("/vms/1/start"))).toMatchObject({ code: "ControlPlaneUnreachable" });
    expect(server.asked.map((each) => each.method)).toEqual(["GET", "GET", "POST"]);
    answered();
  });

  it("that is too long has its own code", async () => {
    server.answer(new DOMException("timed out", "TimeoutError"));
    expect(await thrown(arm.get("/vms"))).toMatchObject({ code: "RequestTimedOut" });
  });

  it("of a request nobody wants any more is no error of the server", async () => {
    const end = new AbortController();
    end.abort();
    await expect(arm.get("/vms", { signal: end.signal })).rejects.toMatchObject({ name: "AbortError" });
    expect(connectivity.get().reachable).toBe(true);
  });
});

describe("a list", () => {
  it("is followed to its end, on this origin", async () => {
    server.answer(
      json({ value: [1, 2], nextLink: "https://other:8443/vms?api-version=1&$skiptoken=x" }),
      json({ value: [3] }),
    );
    expect(await arm.list("/vms", { version: "1" })).toEqual([1, 2, 3]);
    expect(server.asked[1]?.url).toBe("/vms?api-version=1&$skiptoken=x");
  });

  it("of the directory too, which spells the link its own way", async () => {
    server.answer(
      json({ value: [1], "@odata.nextLink": "https://h/v1.0/users?$skiptoken=x" }),
      json({ value: [2] }),
    );
    expect(await arm.list("/v1.0/users")).toEqual([1, 2]);
  });
});

describe("begin", () => {
  const monitor = "https://h:8443/subscriptions/s/providers/x/locations/local/operations/1?api-version=1";
  const accepted = (): Response =>
    new Response(null, { status: 202, headers: { "azure-asyncoperation": monitor } });
  const status = (word: string, more: object = {}): Response =>
    json({ id: "1", status: word, startTime: "2026-01-01T00:00:00Z", ...more });

  beforeEach(() => vi.useFakeTimers());

  it("follows the operation to its output and tells of it", async () => {
    server.answer(
      accepted(),
      status("InProgress"),
      status("Succeeded", { properties: { output: { observed: "booted" } } }),
    );
    const seen: string[] = [];
    const done = arm.begin("/vms/1/start", {
      title: "Start web1",
      subject: { name: "web1", href: "/vms/s/g/web1" },
      onStatus: (each) => seen.push(each.status),
    });
    await vi.advanceTimersByTimeAsync(10);
    expect(notices.get()[0]).toMatchObject({ title: "Start web1", progress: "running", monitor });
    await vi.advanceTimersByTimeAsync(1000);
    expect(await done).toEqual({ observed: "booted" });
    expect(seen).toEqual(["InProgress"]);
    expect(notices.get()[0]).toMatchObject({ progress: "succeeded", unread: true });
  });

  it("throws the operation's own error, and keeps it in the notification", async () => {
    const error = {
      code: "VmStopTimeout",
      message: "It did not stop.",
      additionalInfo: [{ type: "OutofbandRemedy", info: { remedy: ["Cut the power."] } }],
    };
    server.answer(accepted(), status("Failed", { error }));
    const failure = await thrown(arm.begin("/vms/1/powerOff", { title: "Stop web1" }));
    expect(failure).toMatchObject({ code: "VmStopTimeout", remedy: ["Cut the power."] });
    expect(notices.get()[0]).toMatchObject({ progress: "failed", error: failure });
  });

  it("waits through a control plane that is restarted meanwhile", async () => {
    server.answer(
      accepted(),
      new TypeError("Failed to fetch"),
      new Response("", { status: 503 }),
      status("Succeeded"),
    );
    const done = arm.begin("/vms/1/start", { title: "Start web1" });
    await vi.advanceTimersByTimeAsync(20_000);
    await expect(done).resolves.toBeUndefined();
  });

  it("ends when the caller may not see the operation any more", async () => {
    server.answer(accepted(), refusal(403, "AuthorizationFailed"));
    expect(await thrown(arm.begin("/x", { title: "x" }))).toMatchObject({ code: "AuthorizationFailed" });
  });

  it("takes an answer without an operation as the end", async () => {
    server.answer(json({ id: "/vms/1" }, 201));
    expect(await arm.begin("/vms/1", { method: "PUT", title: "Create", body: {} })).toEqual({ id: "/vms/1" });
    expect(notices.get()[0]?.progress).toBe("succeeded");
  });

  it("follows Location when that is all there is", async () => {
    const location = "/operationResults/1?api-version=1";
    server.answer(
      new Response(null, { status: 202, headers: { location } }),
      new Response(null, { status: 202, headers: { location, "retry-after": "2" } }),
      json({ observed: "reset" }),
    );
    const done = arm.begin("/x", { title: "x" });
    await vi.advanceTimersByTimeAsync(2000);
    expect(await done).toEqual({ observed: "reset" });
  });

  it("is gone on with after a reload", async () => {
    const id = notices.start("Start web1");
    notices.watch(id, monitor);
    const lost = notices.start("Begun, then reloaded before the answer");
    server.answer(status("Succeeded"));
    resume(notices.get());
    await vi.advanceTimersByTimeAsync(10);
    expect(notices.get().find((each) => each.id === id)?.progress).toBe("succeeded");
    expect(notices.get().find((each) => each.id === lost)).toBeUndefined();
  });
});
