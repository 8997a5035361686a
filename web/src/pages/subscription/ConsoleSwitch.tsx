import { makeStyles, Spinner, tokens, useRestoreFocusTarget } from "@fluentui/react-components";
import { type ReactNode, useCallback, useState } from "react";
import { arm, VERSIONS } from "../../api/client";
import type { ConsoleService, Subscription } from "../../api/types";
import { Confirm, ErrorView, StatusBadge, usePoll } from "../../components";
import { notices } from "../../notices";
import { t } from "../../text";
import { Card } from "../shared/Card";
import { GuardedButton } from "../shared/GuardedButton";
import { RIGHTS } from "../shared/rights";
import { useRights } from "../shared/useRights";

const SECONDS = 10;

const useStyles = makeStyles({
  line: { display: "flex", flexWrap: "wrap", alignItems: "center", gap: tokens.spacingHorizontalL },
});

/** The switch that closes, or opens again, every serial console of a subscription. */
export function ConsoleSwitch({ subscription }: { subscription: Subscription }): ReactNode {
  const styles = useStyles();
  const restore = useRestoreFocusTarget();
  const { id, displayName: name } = subscription;
  const service = `${id}/providers/Microsoft.SerialConsole/consoleServices/default`;
  const load = useCallback(
    (signal: AbortSignal) => arm.get<ConsoleService>(service, { version: VERSIONS.serialConsole, signal }),
    [service],
  );
  const { data, error, loading, refresh } = usePoll(load, SECONDS);
  const may = useRights([id]);
  const [asking, setAsking] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const disabled = data?.properties.disabled === true;
  const right = disabled ? "enableConsole" : "disableConsole";

  async function set(on: boolean): Promise<void> {
    const title = on ? t("subscription.noticeEnable", { name }) : t("subscription.noticeDisable", { name });
    await notices.track(title, () =>
      arm.post(`${service}/${on ? "enableConsole" : "disableConsole"}`, { version: VERSIONS.serialConsole }),
    );
    await refresh();
  }

  async function enable(): Promise<void> {
    setFailure(undefined);
    try {
      await set(true);
    } catch (thrown) {
      setFailure(thrown);
    }
  }

  return (
    <Card title={t("subscription.console")}>
      {loading && <Spinner size="small" label={t("common.loading")} />}
      {error !== undefined && !data && <ErrorView error={error} onRetry={() => void refresh()} />}
      {data && (
        <div className={styles.line}>
          <StatusBadge tone={disabled ? "off" : "good"}>
            {disabled ? t("subscription.consoleOff") : t("subscription.consoleOn")}
          </StatusBadge>
          <GuardedButton
            {...restore}
            appearance={disabled ? "primary" : "secondary"}
            why={may(id, right) ? undefined : t("subscription.whyRight", { action: RIGHTS[right] })}
            onClick={() => (disabled ? void enable() : setAsking(true))}
          >
            {disabled ? t("subscription.consoleEnable") : t("subscription.consoleDisable")}
          </GuardedButton>
        </div>
      )}
      {failure !== undefined && <ErrorView error={failure} onRetry={() => void enable()} />}
      <Confirm
        open={asking}
        title={t("subscription.disableTitle", { name })}
        loses={[
          t("subscription.disableLoss1"),
          t("subscription.disableLoss2"),
          t("subscription.disableLoss3"),
        ]}
        confirm={t("subscription.disableConfirm")}
        onConfirm={() => set(false)}
        onClose={() => setAsking(false)}
      />
    </Card>
  );
}
