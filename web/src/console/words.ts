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
  /** This session, where it is known. */
  readonly me?: string | null;
  readonly mode: Mode;
  /** It was away and that was told. */
  readonly back: boolean;
}

/** Null when there is nothing to say: the state of the connection is shown by itself. */
export function wordsFor(event: SessionEvent, { name, mode, back, me = null }: Situation): Words | null {
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
      return told(event.what, event.fields, mode, me);
    default:
      return null;
  }
}

export function whoTypes(fields: Fields): string {
  const { writer } = fields;
  return typeof writer === "string" ? t("console.typing", { writer }) : t("console.nobodyTypes");
}

function told(what: string, fields: Fields, mode: Mode, me: string | null): Words | null {
  const who = String(fields["who"] ?? "?");
  switch (what) {
    case "writer":
      return { text: writerNow(fields, mode), inline: false };
    case "power":
      return { text: powerNow(String(fields["power"] ?? "?")), inline: true };
    case "reset":
      return { text: t("console.saidReset"), inline: true };
    case "joined":
      return { text: t("console.saidJoined", { who }), inline: false };
    case "left":
      return { text: t("console.saidLeft", { who }), inline: false };
    case "keyboard": {
      const text = keyboard(fields, fields["session"] === me);
      return text === null ? null : { text, inline: false };
    }
    case "login":
      return { text: login(fields, who), inline: true };
    case "alarm":
      // That the host is away is a state of the connection, and shown as one.
      return fields["code"] === "AgentOffline" ? null : { text: alarmOf(fields).message, inline: false };
    default:
      return null;
  }
}

/** What passes between people about the keyboard. `mine`: it is about this session's asking. */
function keyboard(fields: Fields, mine: boolean): string | null {
  const who = String(fields["who"] ?? "?");
  const of = String(fields["of"] ?? "?");
  switch (fields["event"]) {
    case "asked":
      return mine
        ? t("console.saidAsked", { of, count: Number(fields["seconds"] ?? 0) })
        : t("console.saidAsks", { who });
    case "declined":
      return mine ? t("console.saidDeclined", { of }) : t("console.saidYouDeclined", { who });
    case "unanswered":
      return mine ? t("console.saidUnanswered", { of }) : t("console.saidNotAnswered", { who });
    case "withdrawn":
      return mine ? null : t("console.saidWithdrawn", { who });
    case "handed": {
      const by = String(fields["by"] ?? "?");
      return mine ? t("console.saidGivenYou", { by }) : t("console.saidGiven", { by, who });
    }
    default:
      return null;
  }
}

function login(fields: Fields, who: string): string {
  if (fields["state"] === "ending") return t("console.saidLoginEnding", { who });
  return t("console.saidLoginEnded", { who, observed: String(fields["observed"] ?? "?") });
}

function writerNow(fields: Fields, mode: Mode): string {
  const { writer } = fields;
  if (typeof writer !== "string") return t("console.saidNobody");
  return mode === "write" ? t("console.saidYouType") : t("console.saidTypes", { writer });
}

function powerNow(power: string): string {
  switch (power) {
    case "running":
      return t("console.saidRunning");
    case "starting":
      return t("console.saidStarting");
    case "stopping":
      return t("console.saidStopping");
    case "stopped":
      return t("console.saidOff");
    case "deallocated":
      return t("console.saidDeallocated");
    default:
      return t("console.saidPower", { power });
  }
}
