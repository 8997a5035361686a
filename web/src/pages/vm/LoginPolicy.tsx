import { Field, makeStyles, Radio, RadioGroup, tokens } from "@fluentui/react-components";
import { type ReactNode, useCallback, useState } from "react";
import { arm, VERSIONS } from "../../api/client";
import type { ConsolePolicy } from "../../api/types";
import { ErrorView, StatusBadge, usePoll } from "../../components";
import { t } from "../../text";
import { Card } from "../shared/Card";
import { RIGHTS } from "../shared/rights";
import { useRights } from "../shared/useRights";

const SECONDS = 30;

const useStyles = makeStyles({
  text: { margin: 0 },
  why: { margin: 0, color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
});

/** What becomes of a login that somebody leaves behind on the machine's console. */
export function LoginPolicy({ vm }: { vm: string }): ReactNode {
  const styles = useStyles();
  const path = `${vm}/providers/Outofband.Console/policies/default`;
  const may = useRights([vm]);
  const load = useCallback(
    (signal: AbortSignal) => arm.get<ConsolePolicy>(path, { version: VERSIONS.consolePolicies, signal }),
    [path],
  );
  const polled = usePoll(load, SECONDS);
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const found = polled.data?.properties;
  const why = may(vm, "setPolicy") ? undefined : t("vms.whyRight", { action: RIGHTS.setPolicy });

  async function choose(endLogin: string): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      await arm.put(path, { version: VERSIONS.consolePolicies, body: { properties: { endLogin } } });
      await polled.refresh();
    } catch (thrown) {
      setError(thrown);
    } finally {
      setBusy(false);
    }
  }

  return (
    <Card
      title={t("vm.loginPolicy")}
      note={
        found && (
          <StatusBadge tone={found.effective === "on" ? "good" : "off"}>
            {t(found.effective === "on" ? "vm.loginPolicyNowOn" : "vm.loginPolicyNowOff")}
          </StatusBadge>
        )
      }
    >
      <p className={styles.text}>{t("vm.loginPolicyWhat")}</p>
      {found && (
        <Field label={t("vm.loginPolicyLegend")}>
          <RadioGroup
            layout="horizontal"
            value={found.endLogin}
            disabled={busy || why !== undefined}
            onChange={(_, { value }) => void choose(value)}
          >
            <Radio value="inherit" label={t("vm.loginPolicyInherit")} />
            <Radio value="on" label={t("vm.loginPolicyOn")} />
            <Radio value="off" label={t("vm.loginPolicyOff")} />
          </RadioGroup>
        </Field>
      )}
      {why !== undefined && <p className={styles.why}>{why}</p>}
      {error !== undefined && <ErrorView error={error} onRetry={() => setError(undefined)} />}
    </Card>
  );
}
