import type { ReactNode } from "react";
import { t } from "../../text";
import { POWER_ICONS } from "../vms/powerIcons";
import { DeedPage } from "./DeedPage";

export default function RestartPage(): ReactNode {
  return (
    <DeedPage
      deed="restart"
      title={t("vm.restartPage")}
      icon={POWER_ICONS.restart}
      when={[t("vm.restartWhen")]}
      what={[t("vm.restartWhat"), t("vm.restartAfter")]}
    />
  );
}
