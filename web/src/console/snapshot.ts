/** How things stand at a console, for whoever shows it. */

import type { ApiError } from "../api/errors";
import { alarmOf } from "./faults";
import type { Progress } from "./protocol/pasting";
import type { Mode, SessionEvent } from "./protocol/session";

export type Status =
  | { readonly kind: "connecting" }
  | { readonly kind: "attached"; readonly mode: Mode }
  /** It was there and comes back by itself. */
  | { readonly kind: "lost"; readonly fault: ApiError }
  /** More was printed than could be shown; it goes on at its byte once that is done. */
  | { readonly kind: "catchingUp" }
  /**
   * The API gives tickets, but nothing gets to the listener: `refused` at once, or `silent`. It goes on by itself once
   * that has changed.
   */
  | { readonly kind: "unreachable"; readonly listener: string; readonly reach: "refused" | "silent" }
  /** `waits`: it looks by itself whether that has changed. */
  | { readonly kind: "refused"; readonly fault: ApiError; readonly waits: boolean }
  | { readonly kind: "ended"; readonly fault: ApiError }
  | { readonly kind: "left" };

/** A session at the console, as its host tells of it. */
export interface Person {
  readonly session: string;
  readonly name: string;
  readonly mode: Mode;
  readonly since: string;
  readonly client: string;
}

export interface Snapshot {
  readonly status: Status;
  /** This session's own name among the others. */
  readonly me: string | null;
  /** Everybody attached, this session too; empty where the host does not tell it. */
  readonly people: readonly Person[];
  /** Sessions that ask for the keyboard, the longest first. */
  readonly asking: readonly string[];
  /** The policy of this console ends the login of who goes away. */
  readonly endsLogin: boolean;
  /** Who types, by name; null when nobody does. */
  readonly writer: string | null;
  /** Who else is attached, as far as it was told. */
  readonly others: readonly string[];
  /** Typed bytes that wait for the port. */
  readonly backlog: number;
  /** The last paste that the agent types or typed. */
  readonly paste: Progress | null;
  /** The machine was stopped while this was attached; the console stays for when it runs again. */
  readonly stopped: boolean;
  /** What the port shows, as its host tells it (docs/reference/port-states.md); null while it does not. */
  readonly shows: string | null;
}

export const BEGINNING: Snapshot = {
  status: { kind: "connecting" },
  me: null,
  people: [],
  asking: [],
  endsLogin: false,
  writer: null,
  others: [],
  backlog: 0,
  paste: null,
  stopped: false,
  shows: null,
};

/** What an event changes in how things stand. `mode` is this session's own, now. */
export function changeBy(event: SessionEvent, before: Snapshot, mode: Mode): Partial<Snapshot> {
  if (event.kind === "attached") {
    const { writer, others, session, endLogin } = event.fields;
    return {
      status: { kind: "attached", mode },
      writer: nameOf(writer),
      others: namesOf(others),
      me: nameOf(session),
      endsLogin: endLogin === true,
    };
  }
  if (event.kind !== "told") return {};
  const { what, fields } = event;
  const who = nameOf(fields["who"]) ?? "?";
  switch (what) {
    case "writer": {
      const attached = before.status.kind === "attached";
      return {
        writer: nameOf(fields["writer"]),
        ...(attached && { status: { kind: "attached", mode } }),
      };
    }
    case "people":
      return { people: peopleOf(fields["people"]), asking: namesOf(fields["asking"]) };
    case "state":
      return { shows: nameOf(fields["state"]) };
    case "power":
      return { stopped: fields["power"] === "stopped" };
    case "joined":
      return { others: [...before.others, who] };
    case "left":
      return { others: withoutFirst(before.others, who) };
    case "alarm":
      // The socket lives, but nobody is behind it: `attached` comes again when somebody is.
      return fields["code"] === "AgentOffline" ? { status: { kind: "lost", fault: alarmOf(fields) } } : {};
    default:
      return {};
  }
}

function nameOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function namesOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((name) => typeof name === "string") : [];
}

function peopleOf(value: unknown): readonly Person[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((each: Partial<Person> | null) => {
    if (typeof each?.session !== "string" || typeof each.name !== "string") return [];
    const mode: Mode = each.mode === "write" ? "write" : "observe";
    const [since, client] = [String(each.since ?? ""), String(each.client ?? "")];
    return [{ session: each.session, name: each.name, mode, since, client }];
  });
}

/** One of them has left; another session of the same person may still be there. */
function withoutFirst(names: readonly string[], name: string): readonly string[] {
  const index = names.indexOf(name);
  return index < 0 ? names : names.toSpliced(index, 1);
}
