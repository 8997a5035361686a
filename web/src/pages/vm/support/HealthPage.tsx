import { mergeClasses } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { t } from "../../../text";
import { VmGate } from "../VmGate";
import { VmHeader } from "../VmHeader";
import { HealthCard } from "./HealthCard";
import { useSupportStyles } from "./useStyles";

export default function HealthPage(): ReactNode {
  const styles = useSupportStyles();
  return (
    <>
      <VmHeader page={t("support.health")} />
      <VmGate>
        {(vm) => (
          <div className={mergeClasses(styles.root, styles.narrow)}>
            <p className={styles.text}>{t("support.healthIntro")}</p>
            <HealthCard id={vm.id} title={t("support.healthNow")} />
          </div>
        )}
      </VmGate>
    </>
  );
}
