import { ServerRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { t } from "../../../text";
import { DeedPage } from "../DeedPage";
import { useVm } from "../vmContext";

export default function RedeployPage(): ReactNode {
  const instance = useVm().place.instance !== undefined;
  return (
    <DeedPage
      deed="redeploy"
      title={instance ? t("support.redeploy") : t("support.redeployPage")}
      icon={<ServerRegular />}
      when={[t("support.redeployWhen")]}
      what={
        instance
          ? [t("support.redeployInstance")]
          : [t("support.redeployWhat"), t("support.redeployAlone"), t("support.redeployFail")]
      }
    />
  );
}
