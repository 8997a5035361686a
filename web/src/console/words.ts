/** What is said of an event of the session, and whether it also belongs between the guest's own lines. */

import { t } from "../text";
import { alarmOf } from "./faults";
import type { Fields } from "./protocol/frames";
import type { Mode, SessionEvent } from "./protocol/session";

export interface Words {
  readonly text: string;
  /** Said in the terminal too, at its place in the output. */
  readonly inline: boolean;
}

interface Situation {
  readonly name: string;
  readonly mode: Mode;
  /** It was away and that was told. */
  readonly back: boolean;
}

/** Null when there is nothing to say: the state of the connection is shown by itself. */
export function wordsFor(event: SessionEvent, { name, mode, back }: Situation): Words | null {
  switch (event.kind) {
    case "attached":
      if (event.resumed) return back ? { text: t("console.saidBack"), inline: false } : null;
      if (mode === "write") return { text: t("console.saidConnected", { name }), inline: false };
      return { text: t("console.saidWatching", { name, who: whoTypes(event.fields) }), inline: false };
    case "missing": {
      const why = t(event.reason === "trimmed" ? "console.whyTrimmed" : "console.whyLost");
      const text =
        event.count === null
          ? t("console.missingUnknown", { why })
          : t("console.missing", { count: event.count, why });
      return { text, inline: true };
    }
    case "inputDropped":
      return { text: t("console.inputDropped", { count: event.count }), inline: true };
    case "told":
      return told(event.what, event.fields, mode);
    default:
      return null;
  }
}

export function whoTypes(fields: Fields): string {
  const { writer } = fields;
  return typeof writer === "string" ? t("console.typing", { writer }) : t("console.nobodyTypes");
}

function told(what: string, fields: Fields, mode: Mode): Words | null {
  const who = String(fields["who"] ?? "?");
  switch (what) {
    case "writer":
      return { text: writerNow(fields, mode), inline: false };
    case "power":
      return { text: t("console.saidPower", { power: String(fields["power"] ?? "?") }), inline: true };
    case "reset":
      return { text: t("console.saidReset"), inline: true };
    case "joined":
      return { text: t("console.saidJoined", { who }), inline: false };
    case "left":
      return { text: t("console.saidLeft", { who }), inline: false };
    case "alarm":
      // That the host is away is a state of the connection, and shown as one.
      return fields["code"] === "AgentOffline" ? null : { text: alarmOf(fields).message, inline: false };
    default:
      return null;
  }
}

function writerNow(fields: Fields, mode: Mode): string {
  const { writer } = fields;
  if (typeof writer !== "string") return t("console.saidNobody");
  return mode === "write" ? t("console.saidYouType") : t("console.saidTypes", { writer });
}
