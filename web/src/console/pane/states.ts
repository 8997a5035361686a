/** The state of a console in a word, with the tone of its badge. */

import type { Tone } from "../../components";
import { t } from "../../text";
import type { Status } from "../snapshot";

export function toneOf(status: Status): Tone {
  switch (status.kind) {
    case "connecting":
    case "catchingUp":
      return "busy";
    case "attached":
      return status.mode === "write" ? "good" : "unknown";
    case "lost":
      return "warning";
    case "unreachable":
      return "bad";
    case "refused":
      return status.waits ? "warning" : "bad";
    case "ended":
    case "left":
      return "off";
  }
}

export function wordOf(status: Status, name: string): string {
  switch (status.kind) {
    case "connecting":
      return t("console.connecting", { name });
    case "attached":
      return t(status.mode === "write" ? "console.youType" : "console.watching");
    case "lost":
      return t(status.fault.code === "AgentOffline" ? "console.agentAway" : "console.lost");
    case "catchingUp":
      return t("console.catchingUp");
    case "unreachable":
      return t("console.unreachable");
    case "refused":
      return status.waits ? t("console.waiting") : t("console.refused");
    case "ended":
      return t("console.ended");
    case "left":
      return t("console.left");
  }
}

/** No console is there, and none comes by itself. */
export function isOver(status: Status): boolean {
  return status.kind === "ended" || status.kind === "left";
}
