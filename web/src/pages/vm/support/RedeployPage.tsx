import { ServerRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { t } from "../../../text";
import { DeedPage } from "../DeedPage";

export default function RedeployPage(): ReactNode {
  return (
    <DeedPage
      deed="redeploy"
      title={t("support.redeployPage")}
      icon={<ServerRegular />}
      when={[t("support.redeployWhen")]}
      what={[t("support.redeployWhat"), t("support.redeployAlone"), t("support.redeployFail")]}
    />
  );
}
