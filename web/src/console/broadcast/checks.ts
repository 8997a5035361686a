/** Whether a line may go to a console together with others: looked at before each is typed. */

import type { PortState } from "../portStates";
import type { Snapshot } from "../snapshot";
import { isPrompt } from "./lines";

/** States in which something may read a line. */
export const READERS = [
  "shell",
  "login",
  "sac",
  "sacFailed",
  "grub",
  "bootManager",
  "firmware",
  "kernelDebugger",
  "unknown",
] as const satisfies readonly PortState[];

export type Reader = (typeof READERS)[number];

/** Why a console is left out. */
export type Obstacle =
  | { readonly kind: "notConnected" }
  | { readonly kind: "stopped" }
  /** Somebody else types there. */
  | { readonly kind: "othersType"; readonly writer: string }
  /** Nobody types there, this person neither. */
  | { readonly kind: "onlyWatching" }
  /** A paste or typed keys are still on their way. */
  | { readonly kind: "typing" }
  /** Its host does not tell what the port shows. */
  | { readonly kind: "stateNotTold" }
  | { readonly kind: "otherState"; readonly shows: string }
  /** A program runs, or something is typed at the prompt already. */
  | { readonly kind: "noPrompt" };

export interface Looked {
  readonly snapshot: Snapshot;
  /** The line at whose end the guest stands; empty when it ended its last one. */
  readonly openLine: string;
}

/** Null when everything is as `wanted`. */
export function obstacleOf({ snapshot, openLine }: Looked, wanted: Reader): Obstacle | null {
  const { status, writer, stopped, backlog, paste, shows } = snapshot;
  if (status.kind !== "attached") return { kind: "notConnected" };
  if (status.mode !== "write") {
    return writer === null ? { kind: "onlyWatching" } : { kind: "othersType", writer };
  }
  if (stopped) return { kind: "stopped" };
  if (backlog > 0 || paste?.state === "typing" || paste?.state === "paused") return { kind: "typing" };
  if (shows === null || shows === "") return { kind: "stateNotTold" };
  if (shows !== wanted) return { kind: "otherState", shows };
  return isPrompt(wanted, openLine) === false ? { kind: "noPrompt" } : null;
}
