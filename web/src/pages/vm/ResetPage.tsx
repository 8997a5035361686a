import { PowerRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { t } from "../../text";
import { DeedPage } from "./DeedPage";

export default function ResetPage(): ReactNode {
  return (
    <DeedPage
      deed="reset"
      title={t("vm.resetPage")}
      icon={<PowerRegular />}
      when={[t("vm.resetWhen"), t("vm.resetFirst")]}
      what={[t("vm.resetWhat")]}
    />
  );
}
