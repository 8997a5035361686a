/** Runs of the rescue steps (`Outofband.Diagnostics/rescues`): shapes, and what a page makes of them. Pure. */

import type { Resource } from "../../../api/types";
import type { Tone } from "../../../components";
import { t } from "../../../text";
import type { Way } from "./connect";

export interface Found {
  code: string;
  title: string;
  message: string;
  cause?: string;
  remedy?: string[];
  evidence?: Record<string, unknown>;
}

/** One look at the port from one place. */
export interface Look {
  works: boolean;
  address?: string;
  port?: number;
  began?: string;
  problem?: Found | null;
  evidence?: Record<string, unknown>;
}

export interface Probed {
  works: boolean;
  controlPlane: Look | null;
  host: Look | null;
}

export interface Deed {
  name: string;
  title: string;
  agreed: boolean | null;
  /** `wished`, `declined`, `doing`, `done`, `failed`, or `stopped` in the middle. */
  state: string;
  /** Of `addRule`: the rules that are missing. */
  arguments?: { rules?: { group: string; name: string; priority: number; port: number }[] };
  observed?: string | null;
  undone?: string | null;
  /** What stayed when it was taken back. */
  left?: Found[];
  problem?: Found | null;
  /** What was wrong in the guest, as it was found there. */
  findings?: Found[];
  /** What is otherwise in the guest now, a sentence each; `undo` says whether that can be taken back. */
  guest?: { changes: { name: string; text: string; undo: string }[]; notes: string[] } | null;
}

export interface Step {
  number: number;
  name: string;
  title: string;
  /** `waiting`, `over`, or what the run does in it now. */
  state: string;
  findings: Found[];
  deed: Deed | null;
  probe: Probed | null;
}

export interface Question {
  step: number;
  deed: string;
  title: string;
  asks: { name: string; text: string }[];
  /** A user name and a password go with the answer. */
  password: boolean;
}

export type Rescue = Resource<{
  protocol: string;
  port: number;
  dryRun: boolean;
  state: string;
  summary: string;
  /** Null while it goes on. */
  outcome: string | null;
  address: string | null;
  steps: Step[];
  findings: (Found & { step: number })[];
  /** The cause that stands first among all that it tells. */
  mainCause?: Found | null;
  /** Something that it did, or was in the middle of, can be taken back. */
  undoable?: boolean;
  probe: { works: boolean; guestAnswers: boolean; last: Probed | null };
  question: Question | null;
  problem?: Found;
  rights?: { step: number; deed: string; action: string; allowed: boolean }[];
  created: string;
  createdBy: string;
  ended: string | null;
}>;

export interface Wish {
  way: Way;
  dryRun: boolean;
  user: string;
  password: string;
}

export function isOver(run: Rescue): boolean {
  return run.properties.outcome !== null;
}

/** The one that goes on; there is one of a machine at a time, and else the newest. */
export function currentOf(runs: readonly Rescue[]): Rescue | undefined {
  const newest = [...runs].sort((one, other) =>
    other.properties.created.localeCompare(one.properties.created),
  );
  return newest.find((run) => !isOver(run)) ?? newest[0];
}

export function isMissing(wish: Wish): boolean {
  return (wish.user.trim() === "") !== (wish.password === "");
}

export function startOf(wish: Wish): object {
  const user = wish.user.trim();
  return {
    properties: {
      protocol: wish.way,
      dryRun: wish.dryRun,
      ...(user && { user, protected: { password: wish.password } }),
    },
  };
}

export function answerOf(question: Question, agree: boolean, user: string, password: string): object {
  const secret = agree && question.password;
  return {
    step: question.step,
    agree,
    ...(secret && { user: user.trim(), protected: { password } }),
  };
}

/** When the last of its deeds was taken back; what it says of the connection is older than that. */
export function undoneAt(run: Rescue): string | undefined {
  return run.properties.steps
    .flatMap(({ deed }) => deed?.undone ?? [])
    .sort()
    .at(-1);
}

/** The step that is under way; undefined before the first and after the last. */
export function underWay(run: Rescue): Step | undefined {
  if (isOver(run)) return undefined;
  return run.properties.steps.find((step) => step.state !== "waiting" && step.state !== "over");
}

/** What the page says of a run first: how it ended, or which step does what. */
export function headline(run: Rescue): string {
  if (isOver(run)) return run.properties.summary;
  const step = underWay(run);
  if (!step) return t("rescue.between");
  const { number, title } = step;
  return t("rescue.underWay", { number, title, what: markWord(markOf(step)) });
}

export type Mark =
  | "waiting"
  | "looking"
  | "asking"
  | "doing"
  | "proving"
  | "helped"
  | "failed"
  | "done"
  | "skipped"
  | "found"
  | "looked"
  | "nothing";

const UNDER_WAY: Readonly<Record<string, Mark>> = {
  waiting: "waiting",
  asking: "asking",
  doing: "doing",
  proving: "proving",
};

/** What became of a step, in one word. */
export function markOf(step: Step): Mark {
  if (step.state !== "over") return UNDER_WAY[step.state] ?? "looking";
  const { deed } = step;
  if (step.probe?.works) return "helped";
  if (deed?.state === "failed" || deed?.problem) return "failed";
  if (deed?.state === "done") return "done";
  if (deed?.state === "declined") return "skipped";
  if (deed) return "found";
  return step.findings.length > 0 ? "looked" : "nothing";
}

const TONES: Readonly<Record<Mark, Tone>> = {
  waiting: "off",
  looking: "busy",
  asking: "warning",
  doing: "busy",
  proving: "busy",
  helped: "good",
  failed: "bad",
  done: "off",
  skipped: "off",
  found: "warning",
  looked: "off",
  nothing: "off",
};

export function toneOf(mark: Mark): Tone {
  return TONES[mark];
}

export function markWord(mark: Mark): string {
  switch (mark) {
    case "waiting":
      return t("rescue.stepWaiting");
    case "looking":
      return t("rescue.stepLooking");
    case "asking":
      return t("rescue.stepAsking");
    case "doing":
      return t("rescue.stepDoing");
    case "proving":
      return t("rescue.stepProving");
    case "helped":
      return t("rescue.stepHelped");
    case "failed":
      return t("rescue.stepFailed");
    case "done":
      return t("rescue.stepDone");
    case "skipped":
      return t("rescue.stepSkipped");
    case "found":
      return t("rescue.stepFound");
    case "looked":
      return t("rescue.stepLooked");
    case "nothing":
      return t("rescue.stepNothing");
  }
}

export type Outcome = "good" | "bad" | "neutral";

/** How an ended run came out. */
export function outcomeOf(run: Rescue): Outcome {
  switch (run.properties.outcome) {
    case "proven":
      return "good";
    case "unresolved":
    case "failed":
      return "bad";
    default:
      return "neutral";
  }
}

/** The deeds that the reader lacks a right to; `step` is what it would be for, in words. */
export function lacking(run: Rescue): { step: string; deed: string; action: string }[] {
  const { rights = [], steps } = run.properties;
  return rights
    .filter((each) => !each.allowed)
    .map(({ step, deed, action }) => ({
      step: steps.find((each) => each.number === step)?.title ?? deed,
      deed,
      action,
    }));
}

/** A name for a new run: whoever sends it twice has one run. */
export function newName(now: Date): string {
  return `run-${now.toISOString().replaceAll(/\D/g, "").slice(0, 17)}`;
}
