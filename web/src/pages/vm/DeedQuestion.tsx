import type { ReactNode } from "react";
import { Confirm } from "../../components";
import { t } from "../../text";
import { lossesOf, titleFor, verbOf } from "../vms/PowerQuestion";
import type { Deed } from "./useDeeds";

interface Props {
  /** Undefined while nothing is asked. */
  deed: Deed | undefined;
  name: string;
  onConfirm: (deed: Deed, reason: string) => void;
  onClose: () => void;
}

/** Before something is done to a machine: what is lost by it. */
export function DeedQuestion({ deed, name, onConfirm, onClose }: Props): ReactNode {
  if (deed === undefined) return null;
  return (
    <Confirm
      open
      title={questionFor(deed, name)}
      loses={lossesFor(deed)}
      confirm={wordFor(deed)}
      {...(deed === "delete" && { typed: name })}
      asksWhy
      onConfirm={(reason) => onConfirm(deed, reason)}
      onClose={onClose}
    />
  );
}

export function lossesFor(deed: Deed): readonly string[] {
  switch (deed) {
    case "reset":
      return [t("vm.resetLoss1"), t("vm.resetLoss2"), t("vm.resetLoss3")];
    case "redeploy":
      return [t("support.redeployLoss1"), t("support.redeployLoss2"), t("support.redeployLoss3")];
    case "force":
      return [t("vm.forceLoss1"), t("vm.forceLoss2")];
    case "delete":
      return [t("vm.deleteLoss1"), t("vm.deleteLoss2"), t("vm.deleteLoss3"), t("vm.deleteLoss4")];
    default:
      return lossesOf(deed);
  }
}

export function wordFor(deed: Deed): string {
  switch (deed) {
    case "reset":
      return t("vm.reset");
    case "redeploy":
      return t("support.redeploy");
    case "force":
      return t("vm.forceStop");
    case "delete":
      return t("vm.delete");
    default:
      return verbOf(deed);
  }
}

function questionFor(deed: Deed, name: string): string {
  switch (deed) {
    case "reset":
      return t("vm.resetTitle", { name });
    case "redeploy":
      return t("support.redeployTitle", { name });
    case "force":
      return t("vm.forceTitle", { name });
    case "delete":
      return t("vm.deleteTitle", { name });
    default:
      return titleFor(deed, 1, name);
  }
}
