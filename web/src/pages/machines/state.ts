/** How a connected machine is, in a word. */

import type { ConnectedMachine } from "../../api/machines";
import type { Tone } from "../../components";
import { t } from "../../text";

/** From worst to best: so a list in the order of state begins with what somebody should look at. */
export const STATES = ["error", "expired", "disconnected", "awaiting", "unknown", "connected"] as const;
export type State = (typeof STATES)[number];

const BY_STATUS: Readonly<Record<string, State>> = {
  connected: "connected",
  disconnected: "disconnected",
  expired: "expired",
  error: "error",
  awaitingconnection: "awaiting",
};

export const STATE_TONES: Readonly<Record<State, Tone>> = {
  error: "bad",
  expired: "bad",
  disconnected: "warning",
  awaiting: "busy",
  unknown: "unknown",
  connected: "good",
};

/** A status that this portal does not know is `unknown`, and shown as it came. */
export function stateOf({ properties }: Pick<ConnectedMachine, "properties">): State {
  return BY_STATUS[(properties.status ?? "").toLowerCase().replaceAll(/[\s_-]/g, "")] ?? "unknown";
}

export function isState(word: string): word is State {
  return STATES.some((state) => state === word);
}

export function stateWord(state: State): string {
  switch (state) {
    case "connected":
      return t("machines.stateConnected");
    case "disconnected":
      return t("machines.stateDisconnected");
    case "expired":
      return t("machines.stateExpired");
    case "awaiting":
      return t("machines.stateAwaiting");
    case "error":
      return t("machines.stateError");
    case "unknown":
      return t("machines.stateUnknown");
  }
}

/** What it means and what to do; empty for one that is well. */
export function stateHint(state: State): string {
  switch (state) {
    case "connected":
      return "";
    case "disconnected":
      return t("machines.hintDisconnected");
    case "expired":
      return t("machines.hintExpired");
    case "awaiting":
      return t("machines.hintAwaiting");
    case "error":
      return t("machines.hintError");
    case "unknown":
      return t("machines.hintUnknown");
  }
}
