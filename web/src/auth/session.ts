/** The session of this tab: coming in, fresh tokens, going out. */

import type { OidcClient, SigninResponse } from "oidc-client-ts";
import { silent } from "../api/connectivity";
import { unreachable } from "../api/errors";
import type { Session } from "../api/session";
import { countDeparture, forgetDepartures, type Reason } from "./circles";
import { HOME } from "./client";
import { isRefusal } from "./failure";

/** A token with less life left is renewed before it is used. */
const MARGIN_SECONDS = 120;
const RENEWAL_SECONDS = 20;
const LEFT = "oob.left";

export interface Account {
  /** What people call them; the sign-in name when there is nothing else. */
  name: string;
  /** `admin@outofband.local`. */
  userName: string;
  objectId: string;
  tenantId: string;
}

/** What the portal begins with. */
export type Entrance =
  | { kind: "in"; session: SignedIn }
  | { kind: "out" }
  | { kind: "failed"; error: unknown };

export class SignedIn implements Session {
  private renewal: Promise<SigninResponse> | undefined;
  private departure: Promise<never> | undefined;
  private readonly others =
    typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel("oob.session");

  constructor(
    private readonly client: OidcClient,
    private tokens: SigninResponse,
    /** Called when the way to a new token is closed for good in this page. */
    private readonly onFailure: (error: unknown) => void,
  ) {
    this.others?.addEventListener("message", (event) => {
      if (event.data === "signed-out") location.replace(`${HOME}signed-out`);
    });
  }

  get account(): Account {
    const { profile } = this.tokens;
    const userName = text(profile.preferred_username) || text(profile["upn"]) || profile.sub;
    return {
      name: text(profile.name) || userName,
      userName,
      objectId: text(profile["oid"]) || profile.sub,
      tenantId: text(profile["tid"]),
    };
  }

  async token(refused?: string): Promise<string> {
    const left = this.tokens.expires_in ?? 0;
    // Of several requests whose token was refused together, the first one has renewed it for all.
    const usable = this.tokens.access_token !== refused;
    if (usable && left > MARGIN_SECONDS) return this.tokens.access_token;
    try {
      this.tokens = await this.renew();
    } catch (thrown) {
      if (!isRefusal(thrown)) {
        // The control plane is away or busy: the token may still do, and the page with its consoles stays.
        if (usable && left > 0) return this.tokens.access_token;
        silent();
        throw unreachable();
      }
      return this.signIn();
    }
    return this.tokens.access_token;
  }

  signIn(): Promise<never> {
    this.departure ??= depart(this.client, here(), "refused").catch((thrown: unknown) => {
      this.onFailure(thrown);
      return never();
    });
    return this.departure;
  }

  async signOut(): Promise<void> {
    sessionStorage.setItem(LEFT, "1");
    this.others?.postMessage("signed-out");
    const { url } = await this.client.createSignoutRequest({ id_token_hint: this.tokens.id_token ?? "" });
    location.replace(url);
  }

  /** One renewal at a time: a refresh token is good once, a second use of it ends the whole session. */
  private renew(): Promise<SigninResponse> {
    this.renewal ??= this.redeem().finally(() => {
      this.renewal = undefined;
    });
    return this.renewal;
  }

  private async redeem(): Promise<SigninResponse> {
    const { id_token, profile, refresh_token, scope, session_state } = this.tokens;
    if (refresh_token === undefined) throw new Error("no refresh token");
    const state = {
      refresh_token,
      session_state,
      profile,
      ...(id_token && { id_token }),
      ...(scope && { scope }),
    };
    // biome-ignore lint/correctness/useHookAtTopLevel: no hook of React's, only called like one
    const fresh = await this.client.useRefreshToken({ state, timeoutInSeconds: RENEWAL_SECONDS });
    fresh.refresh_token ??= refresh_token;
    return fresh;
  }
}

/**
 * Decides what this page load is: the way back from the sign-in page, a look at the signed-out page, or a fresh start. A fresh
 * start leaves for the sign-in page at once; who has a session there comes back without seeing a form.
 */
export async function enter(client: OidcClient, onFailure: (error: unknown) => void): Promise<Entrance> {
  const asked = new URLSearchParams(location.search);
  const left = sessionStorage.getItem(LEFT) !== null;
  sessionStorage.removeItem(LEFT);
  try {
    if (asked.has("state") && (asked.has("code") || asked.has("error"))) {
      const tokens = await client.processSigninResponse(location.href);
      const { path } = (tokens.userState ?? {}) as { path?: unknown };
      history.replaceState(null, "", safePath(path));
      forgetDepartures("load");
      return { kind: "in", session: new SignedIn(client, tokens, onFailure) };
    }
    if (left || location.pathname === new URL("signed-out", HOME).pathname) {
      history.replaceState(null, "", new URL("signed-out", HOME).pathname);
      return { kind: "out" };
    }
    return await depart(client, here(), "load");
  } catch (error) {
    // The address still holds the used code; a reload must not send it again.
    if (asked.has("state")) history.replaceState(null, "", HOME);
    return { kind: "failed", error };
  }
}

/** Leaves for the sign-in page. `prompt`: `login` asks for the password even when there is a session. */
export async function depart(
  client: OidcClient,
  path: string,
  reason: Reason,
  prompt?: "login",
): Promise<never> {
  countDeparture(reason);
  await client.clearStaleState();
  const { url } = await client.createSigninRequest({ state: { path }, ...(prompt && { prompt }) });
  location.replace(url);
  return never();
}

/** The address of this page as the portal's own, to come back to. */
export function here(): string {
  return location.pathname + location.search + location.hash;
}

/** A path inside the portal; anything else, for instance from a forged state, is the portal's home. */
export function safePath(path: unknown): string {
  const home = new URL(HOME);
  if (typeof path !== "string") return home.pathname;
  const found = new URL(path, HOME);
  const inside = found.origin === home.origin && found.pathname.startsWith(home.pathname);
  const signedOut = found.pathname === `${home.pathname}signed-out`;
  return inside && !signedOut ? found.pathname + found.search + found.hash : home.pathname;
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

function text(claim: unknown): string {
  return typeof claim === "string" ? claim : "";
}
