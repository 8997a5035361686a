import type { ReactNode } from "react";
import { StatusBadge, type Tone } from "../../components";
import { t } from "../../text";

const TONES: Readonly<Record<string, Tone>> = {
  Succeeded: "good",
  Creating: "busy",
  Updating: "busy",
  Deleting: "busy",
  Failed: "bad",
};

/** How the last change of a resource went. */
export function Provisioning({ state }: { state: string }): ReactNode {
  return <StatusBadge tone={TONES[state] ?? "unknown"}>{provisioningWord(state)}</StatusBadge>;
}

function provisioningWord(state: string): string {
  switch (state) {
    case "Succeeded":
      return t("vm.provisioningSucceeded");
    case "Creating":
      return t("vm.provisioningCreating");
    case "Updating":
      return t("vm.provisioningUpdating");
    case "Deleting":
      return t("vm.provisioningDeleting");
    case "Failed":
      return t("vm.provisioningFailed");
    default:
      return state || t("vm.notSaid");
  }
}
