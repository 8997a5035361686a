import { makeStyles, tokens } from "@fluentui/react-components";
import { type ReactNode, useMemo } from "react";
import type { VirtualMachine } from "../../api/types";
import { StatusBadge } from "../../components";
import { t } from "../../text";
import { Card } from "../shared/Card";
import { RIGHTS } from "../shared/rights";
import { useRights } from "../shared/useRights";
import { toMachine } from "../vms/machine";
import { DiagnosticsSwitch } from "./DiagnosticsSwitch";
import { LoginPolicy } from "./LoginPolicy";
import { Seen } from "./Seen";
import { VmGate } from "./VmGate";
import { VmHeader } from "./VmHeader";

const LINES = 100;

const useStyles = makeStyles({
  root: { display: "grid", rowGap: tokens.spacingVerticalL },
  text: { margin: 0 },
  list: { margin: 0, paddingInlineStart: tokens.spacingHorizontalXL },
});

export default function DiagnosticsPage(): ReactNode {
  return (
    <>
      <VmHeader page={t("vm.diagnostics")} />
      <VmGate>{(vm) => <Diagnostics vm={vm} />}</VmGate>
    </>
  );
}

function Diagnostics({ vm }: { vm: VirtualMachine }): ReactNode {
  const styles = useStyles();
  const machine = useMemo(() => toMachine(vm), [vm]);
  const may = useRights([vm.id]);
  const why = may(vm.id, "diagnostics") ? undefined : t("vms.whyRight", { action: RIGHTS.diagnostics });
  return (
    <div className={styles.root}>
      <p className={styles.text}>{t("vm.diagnosticsIntro")}</p>
      <Seen machine={machine} why={why} lines={LINES} />
      <DiagnosticsSwitch vm={vm} machine={machine} />
      <LoginPolicy vm={vm.id} />
      <Card
        title={t("vm.diagnosticsLater")}
        note={<StatusBadge tone="off">{t("vm.diagnosticsNotThere")}</StatusBadge>}
      >
        <ul className={styles.list}>
          <li>{t("vm.diagnosticsLog")}</li>
          <li>{t("vm.diagnosticsShot")}</li>
          <li>{t("vm.diagnosticsFindings")}</li>
        </ul>
        <p className={styles.text}>{t("vm.diagnosticsNotYet")}</p>
      </Card>
    </div>
  );
}
