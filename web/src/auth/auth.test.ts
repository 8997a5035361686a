import { ErrorResponse, type OidcClient, type SigninResponse } from "oidc-client-ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { json, type Server, serve } from "../../tests/server";
import { answered, connectivity } from "../api/connectivity";
import type { ApiError } from "../api/errors";
import { countDeparture, forgetDepartures } from "./circles";
import { loadConfig } from "./config";
import { signInFailure } from "./failure";
import { enter, SignedIn, safePath } from "./session";

afterEach(() => sessionStorage.clear());

function tokens(name: string, expires_in: number, path?: string): SigninResponse {
  const profile = { sub: "1", oid: "o1", tid: "t1", preferred_username: "admin@x", name: "Admin" };
  const userState = path === undefined ? undefined : { path };
  return {
    access_token: name,
    refresh_token: `r-${name}`,
    expires_in,
    profile,
    userState,
  } as unknown as SigninResponse;
}

/** A client that leads to `/authorize?…` with what it was asked for. */
function client(parts: Partial<Record<keyof OidcClient, unknown>> = {}): OidcClient {
  return {
    clearStaleState: async () => undefined,
    createSigninRequest: async (asked: unknown) => ({ url: `/authorize?${JSON.stringify(asked)}` }),
    ...parts,
  } as unknown as OidcClient;
}

let left: ReturnType<typeof vi.spyOn>;
beforeEach(() => {
  left = vi.spyOn(location, "replace").mockImplementation(() => undefined);
});

describe("safePath", () => {
  it.each([
    ["/portal/vms/s/g/web1?x=1#y", "/portal/vms/s/g/web1?x=1#y"],
    ["/portal/", "/portal/"],
    ["/portal/signed-out", "/portal/"],
    ["/elsewhere", "/portal/"],
    ["https://evil.example/portal/", "/portal/"],
    ["//evil.example/portal/", "/portal/"],
    ["/portal/../logout", "/portal/"],
    ["javascript:alert(1)", "/portal/"],
    [undefined, "/portal/"],
  ])("%s leads to %s", (path, expected) => {
    expect(safePath(path)).toBe(expected);
  });
});

describe("departures", () => {
  it("are stopped when they go in circles, and may begin anew then", () => {
    for (const now of [1, 2, 3]) countDeparture("refused", now);
    expect(() => countDeparture("refused", 4)).toThrow(expect.objectContaining({ code: "SignInLoop" }));
    expect(() => countDeparture("refused", 5)).not.toThrow();
  });

  it("that lie far apart are none", () => {
    for (let now = 1; now < 100; now++) countDeparture("refused", now * 30_000);
  });

  it("of page loads are forgotten by who came in", () => {
    for (let count = 0; count < 50; count++) {
      countDeparture("load", count);
      forgetDepartures("load");
    }
  });
});

describe("a session", () => {
  it("uses its token until it is nearly over, then renews it once for all who ask", async () => {
    const redeem = vi.fn(async () => tokens("second", 3600));
    const session = new SignedIn(client({ useRefreshToken: redeem }), tokens("first", 3600), () => undefined);
    expect(await session.token()).toBe("first");
    expect(redeem).not.toHaveBeenCalled();

    const late = new SignedIn(client({ useRefreshToken: redeem }), tokens("first", 60), () => undefined);
    expect(await Promise.all([late.token(), late.token(), late.token("first")])).toEqual([
      "second",
      "second",
      "second",
    ]);
    expect(redeem).toHaveBeenCalledTimes(1);
    expect(late.account).toEqual({ name: "Admin", userName: "admin@x", objectId: "o1", tenantId: "t1" });
  });

  it("goes on with the refresh token that came with the last renewal", async () => {
    const used: string[] = [];
    const redeem = async (asked: { state: { refresh_token: string } }): Promise<SigninResponse> => {
      used.push(asked.state.refresh_token);
      return tokens(`${used.length}`, 3600);
    };
    const session = new SignedIn(client({ useRefreshToken: redeem }), tokens("first", 3600), () => undefined);
    expect(await session.token("first")).toBe("1");
    expect(await session.token("1")).toBe("2");
    expect(used).toEqual(["r-first", "r-1"]);
    expect(await session.token("first")).toBe("2");
    expect(used).toHaveLength(2);
  });

  it.each([
    ["away", new TypeError("Failed to fetch")],
    ["restarting", new Error("Service Unavailable (503)")],
    ["busy", new ErrorResponse({ error: "temporarily_unavailable" })],
  ])("lives on with a token that still does when the control plane is %s", async (_, trouble) => {
    const redeem = async (): Promise<never> => Promise.reject(trouble);
    const session = new SignedIn(client({ useRefreshToken: redeem }), tokens("first", 60), () => undefined);
    expect(await session.token()).toBe("first");
    await expect(session.token("first")).rejects.toMatchObject({ code: "ControlPlaneUnreachable" });
    expect(left).not.toHaveBeenCalled();
    expect(connectivity.get().reachable).toBe(false);
    answered();
  });

  it("that was ended leaves for the sign-in page once, with the place to come back to", async () => {
    const ended = new ErrorResponse({ error: "invalid_grant", error_description: "AADSTS700082: Expired." });
    const redeem = (): Promise<never> => Promise.reject(ended);
    const session = new SignedIn(client({ useRefreshToken: redeem }), tokens("first", 0), () => undefined);
    void session.token();
    void session.token();
    await vi.waitFor(() => expect(left).toHaveBeenCalled());
    expect(left.mock.calls).toEqual([[`/authorize?{"state":{"path":"${location.pathname}"}}`]]);
  });

  it("that is refused again and again ends in a page, not in a circle", async () => {
    const failures: unknown[] = [];
    for (let count = 0; count < 4; count++) {
      void new SignedIn(client(), tokens("x", 3600), (error) => failures.push(error)).signIn();
      await Promise.resolve();
    }
    await vi.waitFor(() => expect(failures).toEqual([expect.objectContaining({ code: "SignInLoop" })]));
  });

  it("is signed out by the control plane, which is told whose session it was", async () => {
    const createSignoutRequest = vi.fn(async () => ({ url: "/logout" }));
    await new SignedIn(client({ createSignoutRequest }), tokens("x", 3600), () => undefined).signOut();
    expect(left).toHaveBeenCalledWith("/logout");
    expect(sessionStorage.getItem("oob.left")).not.toBeNull();
  });
});

describe("enter", () => {
  const place = (path: string): void => history.replaceState(null, "", path);
  afterEach(() => place("/portal/"));

  it("comes back to the page that was left", async () => {
    place("/portal/?code=c&state=s");
    const back = tokens("first", 3600, "/portal/vms/s/g/web1?tab=2");
    const found = await enter(client({ processSigninResponse: async () => back }), () => undefined);
    expect(found.kind).toBe("in");
    expect(location.pathname + location.search).toBe("/portal/vms/s/g/web1?tab=2");
  });

  it("shows a refusal and does not try again", async () => {
    place("/portal/?error=access_denied&state=s");
    const refused = new ErrorResponse({ error: "access_denied", error_description: "AADSTS50105: No." });
    const processSigninResponse = (): Promise<never> => Promise.reject(refused);
    expect(await enter(client({ processSigninResponse }), () => undefined)).toEqual({
      kind: "failed",
      error: refused,
    });
    expect(left).not.toHaveBeenCalled();
    expect(location.search).toBe("");
  });

  it("stays out after a sign-out", async () => {
    sessionStorage.setItem("oob.left", "1");
    expect(await enter(client(), () => undefined)).toEqual({ kind: "out" });
    expect(location.pathname).toBe("/portal/signed-out");
  });

  it("leaves at once when nobody is there", async () => {
    place("/portal/hosts?x=1");
    void enter(client(), () => undefined);
    await vi.waitFor(() =>
      expect(left).toHaveBeenCalledWith('/authorize?{"state":{"path":"/portal/hosts?x=1"}}'),
    );
  });
});

describe("signInFailure", () => {
  it("gives the code and only the sentence of a refusal", () => {
    const error_description =
      "AADSTS50057: The user account is disabled.\r\nTrace ID: 1\r\nCorrelation ID: 2\r\nTimestamp: 3";
    const failure = signInFailure(new ErrorResponse({ error: "invalid_grant", error_description }));
    expect(failure).toMatchObject({ code: "AADSTS50057", message: "The user account is disabled." });
    expect(failure.remedy.length).toBeGreaterThan(0);
  });

  it("tells a lost way back from a server that is away", () => {
    expect(signInFailure(new Error("No matching state found in storage")).code).toBe("SignInNotCompleted");
    expect(signInFailure(new TypeError("Failed to fetch")).code).toBe("ControlPlaneUnreachable");
  });
});

describe("loadConfig", () => {
  let server: Server;
  beforeEach(() => {
    server = serve();
  });

  it("reads what the control plane says of itself", async () => {
    const config = { tenantId: "t", clientId: "c", issuer: "i", resource: "r", gateways: [], version: "1" };
    server.answer(json(config));
    expect(await loadConfig()).toEqual(config);
    expect(server.asked[0]?.url).toBe("/portal/config.json");
  });

  it.each([
    ["UnexpectedAnswer", () => new Response("<html>", { status: 200 })],
    ["UnexpectedAnswer", () => new Response("", { status: 503 })],
  ])("says %s of an answer that is none", async (code, answer) => {
    server.answer(answer());
    await expect(loadConfig()).rejects.toMatchObject({ code } satisfies Partial<ApiError>);
  });
});
