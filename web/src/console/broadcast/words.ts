/** What is said of a console before and after a line goes to several. */

import { t } from "../../text";
import { isPortState } from "../portStates";
import type { Outcome } from "./answer";
import type { After, Broadcast } from "./broadcast";
import type { Obstacle } from "./checks";

export function obstacleWords(obstacle: Obstacle): string {
  switch (obstacle.kind) {
    case "notConnected":
      return t("console.outNotConnected");
    case "stopped":
      return t("console.outStopped");
    case "othersType":
      return t("console.outOthersType", { writer: obstacle.writer });
    case "onlyWatching":
      return t("console.outOnlyWatching");
    case "typing":
      return t("console.outTyping");
    case "stateNotTold":
      return t("console.outStateNotTold");
    case "otherState":
      return t("console.outOtherState", { state: stateWord(obstacle.shows) });
    case "noPrompt":
      return t("console.outNoPrompt");
  }
}

export function stateWord(state: string): string {
  return isPortState(state) ? t(`console.shows_${state}`) : state;
}

function outcomeWords(outcome: Outcome): string {
  switch (outcome) {
    case "waiting":
      return t("console.sentWaiting");
    case "notEchoed":
      return t("console.sentNotEchoed");
    case "running":
      return t("console.sentRunning");
    case "echoed":
      return t("console.sentEchoed");
    case "done":
      return t("console.sentDone");
    case "lost":
      return t("console.sentLost");
  }
}

export function afterWords(after: After): string {
  switch (after.kind) {
    case "leftOut":
      return t("console.sentLeftOut", { why: obstacleWords(after.obstacle) });
    case "notTaken":
      return t("console.sentNotTaken");
    case "typed":
      return outcomeWords(after.outcome);
  }
}

/** In one sentence or two, for a screen reader and for whoever looks at the whole. */
export function summaryOf(broadcast: Broadcast, now: number): string {
  const { chosen, typed, done, bad } = broadcast.counts(now);
  const words = [t("console.sentTyped", { typed, count: chosen })];
  if (typed > 0) words.push(t("console.sentBack", { done, count: typed }));
  if (bad > 0) words.push(t("console.sentBad", { count: bad }));
  return words.join(" ");
}
