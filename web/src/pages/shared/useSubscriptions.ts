import { arm, VERSIONS } from "../../api/client";
import type { Subscription } from "../../api/types";
import { type Polled, usePoll } from "../../components";

/** The subscriptions in which the person has any role; asked for once. */
export function useSubscriptions(): Polled<Subscription[]> {
  return usePoll(load, 0);
}

function load(signal: AbortSignal): Promise<Subscription[]> {
  return arm.list<Subscription>("/subscriptions", { version: VERSIONS.resources, signal });
}
