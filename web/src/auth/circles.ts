/** Keeps the portal from being sent to sign in for ever. Counts live in the tab's storage: every departure ends the page. */

import { goingInCircles } from "./failure";

/**
 * `load`: a page that begins without a session; forgotten when somebody came in, so that reloading is free.
 * `refused`: a token, fresh from a sign-in, that the API would not have.
 */
export type Reason = "load" | "refused";

const LIMITS: Readonly<Record<Reason, { most: number; within: number }>> = {
  load: { most: 5, within: 60_000 },
  refused: { most: 3, within: 60_000 },
};
const PLACE = "oob.departures.";

/** Throws the ApiError SignInLoop when this is one departure too many; the count begins anew then. */
export function countDeparture(reason: Reason, now: number = Date.now()): void {
  const { most, within } = LIMITS[reason];
  const recent = read(reason).filter((at) => at > now - within && at <= now);
  if (recent.length >= most) {
    forgetDepartures(reason);
    throw goingInCircles();
  }
  sessionStorage.setItem(PLACE + reason, JSON.stringify([...recent, now]));
}

export function forgetDepartures(reason: Reason): void {
  sessionStorage.removeItem(PLACE + reason);
}

function read(reason: Reason): number[] {
  try {
    const found: unknown = JSON.parse(sessionStorage.getItem(PLACE + reason) ?? "[]");
    return Array.isArray(found) ? found.filter((each) => typeof each === "number") : [];
  } catch {
    return [];
  }
}
