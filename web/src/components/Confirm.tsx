import type { ReactNode } from "react";
import type { ConfirmProps } from "./ConfirmDialog";
import { LaterOver, Part } from "./Later";

const QUESTION = new Part(() => import("./ConfirmDialog"));

/** Asks before something is done to a machine, and says what is lost by it. The dialog is fetched with its first question. */
export function Confirm(props: ConfirmProps): ReactNode {
  return <LaterOver part={QUESTION} {...props} />;
}
