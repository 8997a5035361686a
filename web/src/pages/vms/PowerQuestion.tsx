import type { ReactNode } from "react";
import { Confirm } from "../../components";
import { list, t } from "../../text";
import type { Machine } from "./machine";
import type { PowerAction } from "./power";

/** Names beyond this many are counted. */
const NAMED = 8;

export interface Asked {
  action: PowerAction;
  /** Those it will be done to. */
  machines: readonly Machine[];
  /** How many of the selection it will not be done to. */
  leftOut: number;
}

interface Props {
  /** Undefined while nothing is asked. */
  asked: Asked | undefined;
  onConfirm: (asked: Asked, reason: string) => void;
  onClose: () => void;
}

/** Before machines are stopped or restarted: which ones, and what that costs. */
export function PowerQuestion({ asked, onConfirm, onClose }: Props): ReactNode {
  if (!asked) return null;
  const { action, machines, leftOut } = asked;
  const names = machines.slice(0, NAMED).map((machine) => machine.name);
  const more = machines.length - names.length;
  return (
    <Confirm
      open
      title={titleFor(action, machines.length, list(names))}
      loses={lossesOf(action)}
      confirm={verbOf(action)}
      asksWhy
      onConfirm={(reason) => onConfirm(asked, reason)}
      onClose={onClose}
    >
      {machines.length > 1 && (
        <strong>{list(names, more > 0 ? t("common.more", { count: more }) : undefined)}</strong>
      )}
      {leftOut > 0 && <span>{t("vms.leftOut", { count: leftOut })}</span>}
    </Confirm>
  );
}

export function lossesOf(action: PowerAction): readonly string[] {
  switch (action) {
    case "start":
      return [];
    case "powerOff":
      return [t("vms.stopLoss1"), t("vms.stopLoss2"), t("vms.stopLoss3")];
    case "restart":
      return [t("vms.restartLoss1"), t("vms.restartLoss2")];
  }
}

export function verbOf(action: PowerAction): string {
  switch (action) {
    case "start":
      return t("vms.start");
    case "powerOff":
      return t("vms.stop");
    case "restart":
      return t("vms.restart");
  }
}

export function titleFor(action: PowerAction, count: number, names: string): string {
  switch (action) {
    case "start":
      return t("vms.startTitle", { count, names });
    case "powerOff":
      return t("vms.stopTitle", { count, names });
    case "restart":
      return t("vms.restartTitle", { count, names });
  }
}
