/** Where people are signed in, and ending it. */

import { arm } from "../../api/client";
import type { SignIn } from "../../api/types";
import { notices } from "../../notices";
import { type Key, list, t } from "../../text";

const OWN = "/account/api";

const METHODS: Readonly<Record<string, Key>> = {
  pwd: "sessions.methodPassword",
  otp: "sessions.methodApp",
  fido: "sessions.methodPasskey",
  rcv: "sessions.methodRecovery",
};

/** The first that fits: Edge and Opera say that they are Chrome too, and Chrome that it is Safari. */
const BROWSERS = [
  ["Firefox", "Firefox"],
  ["Edg", "Edge"],
  ["OPR", "Opera"],
  ["Chrome", "Chrome"],
  ["Version", "Safari"],
] as const;

/** By what a sign-in was proved; a word that is not known is shown as it is. */
export function methodWords(methods: readonly string[]): string {
  const words = methods
    .filter((each) => each !== "mfa")
    .map((each) => {
      const key = METHODS[each];
      return key ? t(key as "sessions.methodPassword") : each;
    });
  return list(words);
}

/** What somebody is signed in with: the client's name, or the browser's own word for itself, made short. */
export function programWord({ client, agent }: Pick<SignIn, "client" | "agent">): string {
  if (client) return client.name;
  for (const [mark, name] of BROWSERS) {
    const version = new RegExp(`${mark}/(\\d+)`).exec(agent)?.[1];
    if (version) return `${name} ${version}`;
  }
  return t("sessions.browser");
}

/** `user` is somebody's name or id; undefined for one's own. */
export async function loadSignIns(user: string | undefined, signal: AbortSignal): Promise<SignIn[]> {
  return arm.list<SignIn>(`${account(user)}/sessions`, { signal });
}

export function endSignIn(user: string | undefined, session: SignIn): Promise<void> {
  return notices.track(t("sessions.noticeEnd", { what: programWord(session) }), () =>
    arm.delete(`${account(user)}/sessions/${encodeURIComponent(session.id)}`),
  );
}

export function endOthers(): Promise<void> {
  return notices.track(t("sessions.noticeOthers"), () => arm.post<void>(`${OWN}/sessions/endOthers`));
}

/** Everywhere, here too when it is oneself. */
export function endAll(user: string | undefined): Promise<void> {
  const who = user === undefined ? "me" : `users/${encodeURIComponent(user)}`;
  return notices.track(t("sessions.noticeAll"), () => arm.post<void>(`/v1.0/${who}/revokeSignInSessions`));
}

export function account(user: string | undefined): string {
  return user === undefined ? OWN : `${OWN}/users/${encodeURIComponent(user)}`;
}
