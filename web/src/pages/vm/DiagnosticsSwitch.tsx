import { makeStyles, tokens, useRestoreFocusTarget } from "@fluentui/react-components";
import { type ReactNode, useState } from "react";
import type { VirtualMachine } from "../../api/types";
import { Confirm, ErrorView, StatusBadge } from "../../components";
import { t } from "../../text";
import { Card } from "../shared/Card";
import { GuardedButton } from "../shared/GuardedButton";
import { actionOn } from "../shared/rights";
import { useRights } from "../shared/useRights";
import { switchDiagnostics } from "../vms/actions";
import type { Machine } from "../vms/machine";
import { useVm } from "./vmContext";

const useStyles = makeStyles({
  line: { display: "flex", flexWrap: "wrap", alignItems: "center", gap: tokens.spacingHorizontalM },
  note: { margin: 0, color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
});

/** The switch of boot diagnostics: with them off no console of the machine opens. */
export function DiagnosticsSwitch({ vm, machine }: { vm: VirtualMachine; machine: Machine }): ReactNode {
  const styles = useStyles();
  const { polled } = useVm();
  const may = useRights([vm.id]);
  const restore = useRestoreFocusTarget();
  const [asked, setAsked] = useState(false);
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const on = vm.properties.diagnosticsProfile?.bootDiagnostics?.enabled !== false;

  const busyWhy = busy ? t("vms.whyBusy") : undefined;
  const why = may(vm.id, "write") ? busyWhy : t("vms.whyRight", { action: actionOn(vm.id, "write") });

  async function turn(to: boolean, reason?: string): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      await switchDiagnostics({ id: machine.id, name: machine.name, reason }, to);
      await polled.refresh();
    } catch (thrown) {
      setError(thrown);
    } finally {
      setBusy(false);
    }
  }

  return (
    <Card title={t("vm.diagnosticsSwitch")}>
      <div className={styles.line}>
        <StatusBadge tone={on ? "good" : "off"}>
          {on ? t("vm.diagnosticsOn") : t("vm.diagnosticsOff")}
        </StatusBadge>
        {on ? (
          <GuardedButton {...restore} why={why} onClick={() => setAsked(true)}>
            {t("vm.diagnosticsDisable")}
          </GuardedButton>
        ) : (
          <GuardedButton appearance="primary" why={why} onClick={() => void turn(true)}>
            {t("vm.diagnosticsEnable")}
          </GuardedButton>
        )}
      </div>
      {error !== undefined && <ErrorView error={error} onRetry={() => void turn(!on)} />}
      <p className={styles.note}>{t("vm.diagnosticsHow")}</p>
      {asked && (
        <Confirm
          open
          title={t("vm.diagnosticsDisableTitle", { name: machine.name })}
          loses={[t("vm.diagnosticsLoss1"), t("vm.diagnosticsLoss2")]}
          confirm={t("vm.diagnosticsDisable")}
          asksWhy
          onConfirm={(reason) => void turn(false, reason)}
          onClose={() => setAsked(false)}
        />
      )}
    </Card>
  );
}
