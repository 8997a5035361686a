/** The activity log: the query for it, and its events as lines. */

import type { ActivityEvent } from "../../api/types";
import { subjectOf } from "./subject";

export const SPANS = { hour: 1, hours6: 6, day: 24, week: 7 * 24, month: 30 * 24, quarter: 90 * 24 } as const;
/** Hours back from now, by name. */
export type Span = keyof typeof SPANS;

export const STATUSES = ["Accepted", "Started", "Succeeded", "Failed"] as const;

/** In lower case: somebody's time at a console, and a deed at its keyboard. Both have the session's id. */
export const SESSION = "microsoft.serialconsole/serialports/session/action";
const KEYBOARD = "microsoft.serialconsole/serialports/keyboard/action";

/** What happened, once: the steps that share a correlation id and an action, newest first. */
export interface Deed {
  /** Stays the same while further steps come. */
  key: string;
  /** The id of its last step. */
  id: string;
  action: string;
  /** The last word of an action that is one, else the verb: `start`, `write`, `delete`. */
  verb: string;
  /** The type the verb is done to: `virtualMachines`. */
  noun: string;
  caller: string;
  address: string;
  /** ISO times of the first and the last step. */
  began: string;
  ended: string;
  status: string;
  /** The code of a failure; empty when there is none. */
  code: string;
  resource: string;
  /** Name of what it was done to, as a person thinks of it. */
  subject: string;
  correlation: string;
  steps: readonly ActivityEvent[];
}

/** The `$filter` for a span of hours that ends at `now`, on one resource or on all of them. */
export function filterOf(hours: number, now: Date, resource?: string): string {
  const since = new Date(now.getTime() - hours * 3_600_000);
  const terms = [`eventTimestamp ge '${since.toISOString()}'`];
  if (resource) terms.push(`resourceUri eq '${resource.replaceAll("'", "''")}'`);
  return terms.join(" and ");
}

/** Both, each event once, newest first. */
export function merge(events: readonly ActivityEvent[], more: readonly ActivityEvent[]): ActivityEvent[] {
  const known = new Map([...events, ...more].map((event) => [event.eventDataId, event]));
  return [...known.values()].sort((one, other) => tickOf(other) - tickOf(one));
}

/** The number at the end of an event's id, by which the log is in order. */
function tickOf(event: ActivityEvent): number {
  return Number(event.id.slice(event.id.lastIndexOf("/") + 1));
}

/** Events, newest first, folded into deeds, which stay in the order of their last steps. */
export function fold(events: readonly ActivityEvent[]): Deed[] {
  const groups = new Map<string, ActivityEvent[]>();
  for (const event of events) {
    const key = keyOf(event);
    const group = groups.get(key);
    if (group) group.push(event);
    else groups.set(key, [event]);
  }
  return [...groups].map(([key, steps]) => toDeed(key, steps));
}

function keyOf(event: ActivityEvent): string {
  const key = `${event.correlationId}\n${event.operationName.value}\n${event.resourceId.toLowerCase()}`;
  return stands(event) ? `${key}\n${event.eventDataId}` : key;
}

/** Whether it is no step of anything: a deed at the keyboard, or somebody who was sent away at the door. */
function stands(event: ActivityEvent): boolean {
  const action = event.operationName.value.toLowerCase();
  return action === KEYBOARD || isRefusal(event);
}

/** A ticket or token that was not taken: nobody was attached, in whatever mode. */
function isRefusal({ operationName, status, properties }: ActivityEvent): boolean {
  return (
    operationName.value.toLowerCase() === SESSION &&
    status.value === "Failed" &&
    properties?.["mode"] === undefined
  );
}

function toDeed(key: string, steps: readonly ActivityEvent[]): Deed {
  const last = steps[0];
  const first = steps.at(-1);
  if (!last || !first) throw new Error("a deed has a step at least");
  const action = last.operationName.value;
  const words = action.split("/");
  const isAction = words.at(-1)?.toLowerCase() === "action";
  const tail = isAction ? words.slice(0, -1) : words;
  return {
    key,
    id: last.eventDataId,
    action,
    verb: isRefusal(last) ? "refusal" : (namedIn(steps) ?? tail.at(-1) ?? action),
    noun: tail.at(-2) ?? "",
    caller: last.caller,
    address: steps.find((step) => step.httpRequest?.clientIpAddress)?.httpRequest?.clientIpAddress ?? "",
    began: first.eventTimestamp,
    ended: last.eventTimestamp,
    status: last.status.value,
    code: codeOf(last),
    resource: last.resourceId,
    subject: subjectOf(last.resourceId).name,
    correlation: last.correlationId,
    steps,
  };
}

/** Beside codes the log says of the keyboard, in small letters, what became of a wish: that is no failure. */
function codeOf({ status, subStatus }: ActivityEvent): string {
  const said = status.value === "Failed" ? (subStatus?.value ?? "") : "";
  return /^[a-z]/.test(said) ? "" : said;
}

/** Several actions may need one right, by which the log is kept; which one it was is told beside it. */
function namedIn(steps: readonly ActivityEvent[]): string | undefined {
  const name = steps.map((step) => step.properties?.["action"]).find((each) => typeof each === "string");
  return name as string | undefined;
}

export interface Choice {
  status: readonly string[];
  caller: readonly string[];
}

export function choose(deeds: readonly Deed[], choice: Choice): Deed[] {
  return deeds.filter(
    (deed) =>
      (choice.status.length === 0 || choice.status.includes(deed.status)) &&
      (choice.caller.length === 0 || choice.caller.includes(deed.caller)),
  );
}
