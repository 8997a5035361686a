/** What became of a paste that the agent types, and why it waits, in words. */

import { t } from "../text";
import type { Progress } from "./protocol/pasting";

/** The reasons of wire/pasting.py. */
const REASONS = [
  "asked",
  "quiet",
  "lineTooLong",
  "notTaken",
  "viewerGone",
  "keyboardLost",
  "guestReset",
  "unknown",
] as const;

/** Null for a reason that only a newer agent knows. */
export function reasonOf(why: string | null): string | null {
  const known = REASONS.find((each) => each === why);
  return known === undefined ? null : t(`console.pasteWhy_${known}`);
}

export function progressWords(paste: Progress): string {
  const percent = Math.floor((100 * paste.typed) / Math.max(paste.size, 1));
  if (paste.state !== "paused") {
    return t(paste.echo ? "console.pasteProgress" : "console.pasteNoEcho", { percent });
  }
  const paused = t("console.pastePaused", { percent });
  // Who asked for the pause knows.
  const why = paste.why === "asked" ? null : reasonOf(paste.why);
  return why === null ? paused : t("console.pasteBecause", { what: paused, why });
}

export function endWords(paste: Progress): string {
  if (paste.state === "ended") {
    const why = reasonOf(paste.why);
    const count = paste.typed;
    return why === null
      ? t("console.pasteEnded", { count })
      : t("console.pasteEndedBecause", { count, size: paste.size, why });
  }
  if (paste.verdict === "echoed") return t("console.pasteEchoed");
  if (paste.verdict === "differs") return t("console.pasteDiffers", { at: paste.at ?? 0 });
  return t("console.pasteNotEchoed");
}
