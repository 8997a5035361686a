/** Boots of a machine as bars of a time line. */

import type { Finding, FindingSeverity, LogBoot } from "../../../api/types";

/** Newest boots that are shown. */
export const MOST_BARS = 30;

export interface Bar {
  boot: LogBoot;
  /** Share of the width: the logarithm of its length, so that minutes can be seen beside weeks. */
  weight: number;
  worst: FindingSeverity | undefined;
  /** Of what was found in it. */
  titles: string[];
  /** Nothing of it can be read any more. */
  gone: boolean;
}

const ORDER: readonly FindingSeverity[] = ["error", "warning", "note"];

export function barsOf(boots: readonly LogBoot[], findings: readonly Finding[], start: number): Bar[] {
  return boots.slice(-MOST_BARS).map((boot) => {
    const within = findings.filter((each) => each.properties.boot === boot.number);
    const seconds = Math.max(0, (Date.parse(boot.last) - Date.parse(boot.at)) / 1000);
    return {
      boot,
      weight: 1 + Math.log10(1 + (Number.isFinite(seconds) ? seconds : 0)),
      worst: ORDER.find((severity) => within.some((each) => each.properties.severity === severity)),
      titles: [...new Set(within.map((each) => each.properties.title))],
      gone: boot.end <= start && boot.boot < 0,
    };
  });
}
