/** What proves a client: how long it is good, and what of a file may leave the browser. */

import type { Tone } from "../../components";
import { t } from "../../text";
import { type Client, certificatesOf, secretsOf } from "./clients";

const DAY_MS = 86_400_000;
/** What ends within so many days is said to end soon. */
export const SOON_DAYS = 30;

export type Health = "good" | "soon" | "over" | "later";

export interface Life {
  health: Health;
  /** Whole days until the end, or since it. */
  days: number;
}

/** `end` null: it never ends. */
export function lifeOf(begin: string, end: string | null, now: Date = new Date()): Life {
  if (end === null) return { health: "good", days: Number.POSITIVE_INFINITY };
  const left = Date.parse(end) - now.getTime();
  const days = Math.floor(Math.abs(left) / DAY_MS);
  if (left <= 0) return { health: "over", days };
  if (Date.parse(begin) > now.getTime()) return { health: "later", days };
  return { health: days < SOON_DAYS ? "soon" : "good", days };
}

export function lifeWords({ health, days }: Life): string {
  switch (health) {
    case "good":
      return t("clients.good");
    case "soon":
      return days === 0 ? t("clients.today") : t("clients.soon", { count: days });
    case "over":
      return t("clients.over");
    case "later":
      return t("clients.later");
  }
}

export const TONES: Readonly<Record<Health, Tone>> = {
  good: "good",
  soon: "warning",
  over: "bad",
  later: "off",
};

/** In a line of the list: the worst that is to be said of a client's proofs. */
export function worstOf(client: Client, now: Date = new Date()): Life | undefined {
  const lives = [...secretsOf(client), ...certificatesOf(client)].map((each) =>
    lifeOf(each.startDateTime, each.endDateTime, now),
  );
  const order: readonly Health[] = ["good", "later", "over", "soon"];
  return lives.sort(
    (one, other) => order.indexOf(other.health) - order.indexOf(one.health) || one.days - other.days,
  )[0];
}

const BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+?-----END CERTIFICATE-----/g;

/**
 * The certificate in a PEM file, which may hold the private key too: that one stays here. Undefined when there is not exactly
 * one certificate.
 */
export function publicPart(text: string): string | undefined {
  const found = text.match(BLOCK) ?? [];
  return found.length === 1 ? found[0] : undefined;
}
