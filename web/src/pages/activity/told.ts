/** What the log tells of a deed beside who, when and how it ended: as names and values, in this order. */

import { clientWord } from "../../console/clientWord";
import { number, t } from "../../text";
import type { Deed } from "./deeds";
import { SESSION } from "./deeds";
import { keyboardWord } from "./words";

export interface Told {
  name: string;
  value: string;
}

/** The properties of a deed that people are told, by their names in the log. */
export const PROPERTIES = [
  "requestId",
  "session",
  "mode",
  "client",
  "keyboard",
  "with",
  "seconds",
  "secondsAtMost",
  "bytesIn",
  "bytesOut",
  "key",
  "observed",
  "login",
  "reason",
  "by",
  "detail",
  "omitted",
] as const;

type Property = (typeof PROPERTIES)[number];

/** Later steps count: a session that went on after a drop has its bytes and its end told anew. */
export function propertiesOf({ steps }: Pick<Deed, "steps">): Record<string, unknown> {
  return Object.assign({}, ...steps.map((step) => step.properties ?? {}).reverse()) as Record<
    string,
    unknown
  >;
}

export function toldOf(deed: Pick<Deed, "steps" | "action">): Told[] {
  const properties = propertiesOf(deed);
  const found: Told[] = [];
  const text = (name: string, key: Property, word: (value: string) => string = String): void => {
    const value = properties[key];
    if (typeof value === "string" && value !== "") found.push({ name, value: word(value) });
  };
  const count = (name: string, key: Property, word: (value: number) => string): void => {
    // As Azure has them, all properties of the log are text.
    const value = Number.parseInt(String(properties[key]), 10);
    if (Number.isFinite(value)) found.push({ name, value: word(value) });
  };
  text(t("common.requestId"), "requestId");
  text(t("activity.detailSession"), "session");
  text(t("activity.detailMode"), "mode", modeWord);
  text(t("activity.detailClient"), "client", clientWord);
  text(t("activity.detailKeyboard"), "keyboard", (what) => keyboardWord(what));
  text(t("activity.detailWith"), "with");
  // After a kill nobody knows when it ended; the end that was told later is the better one.
  if (properties["seconds"] === undefined)
    count(t("activity.detailLasted"), "secondsAtMost", (value) =>
      t("activity.atMost", { time: t("activity.seconds", { count: value }) }),
    );
  count(t("activity.detailLasted"), "seconds", (value) => t("activity.seconds", { count: value }));
  count(t("activity.detailBytesIn"), "bytesIn", bytes);
  count(t("activity.detailBytesOut"), "bytesOut", bytes);
  text(t("activity.detailKey"), "key");
  text(t("activity.detailObserved"), "observed");
  text(t("activity.detailLogin"), "login");
  text(t(isSession(deed.action) ? "activity.detailReason" : "activity.detailWhy"), "reason");
  text(t("activity.detailBy"), "by");
  text(t("activity.detailMore"), "detail");
  count(t("activity.detailOmitted"), "omitted", number);
  return found;
}

function isSession(action: string): boolean {
  return action.toLowerCase() === SESSION;
}

function bytes(count: number): string {
  return t("activity.bytes", { count });
}

function modeWord(mode: string): string {
  switch (mode) {
    case "write":
      return t("activity.modeWrite");
    case "observe":
      return t("activity.modeObserve");
    default:
      return mode;
  }
}
