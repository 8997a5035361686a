import { Field, Input, makeStyles, mergeClasses, Spinner, tokens } from "@fluentui/react-components";
import { PhoneDismissRegular } from "@fluentui/react-icons";
import { type ReactNode, useCallback, useState } from "react";
import { arm } from "../../api/client";
import type { Factor, Factors } from "../../api/types";
import { Confirm, ErrorView, usePoll, When } from "../../components";
import { notices } from "../../notices";
import { t } from "../../text";
import { Card } from "../shared/Card";
import { GuardedButton } from "../shared/GuardedButton";
import { PollState } from "../shared/PollState";
import { useTableStyles } from "../shared/tableStyles";
import { account } from "./signIns";

const SECONDS = 30;
const MAX_REASON = 200;

const useStyles = makeStyles({
  text: { margin: 0, color: tokens.colorNeutralForeground2 },
});

interface Props {
  user: string;
  /** Their sign-ins have ended too. */
  onReset: () => void;
}

/** What somebody has beside the password; removed for who lost it. */
export function FactorsCard({ user, onReset }: Props): ReactNode {
  const styles = useStyles();
  const load = useCallback(
    (signal: AbortSignal) => arm.get<Factors>(`${account(user)}/factors`, { signal }),
    [user],
  );
  const polled = usePoll(load, SECONDS);
  const { data, error, loading, refresh } = polled;
  const [asking, setAsking] = useState(false);
  const [reason, setReason] = useState("");
  const any = data !== undefined && (data.value.length > 0 || data.recoveryCodes > 0);

  async function reset(): Promise<void> {
    await notices.track(t("sessions.noticeReset", { name: user }), () =>
      arm.post<void>(`${account(user)}/resetFactors`, { body: { reason: reason.trim() } }),
    );
    void refresh();
    onReset();
  }

  return (
    <Card
      title={t("sessions.factors")}
      note={
        <>
          {any && t("sessions.codesLeft", { count: data.recoveryCodes })} <PollState polled={polled} />
        </>
      }
      actions={
        any && (
          <GuardedButton
            icon={<PhoneDismissRegular />}
            aria-label={t("sessions.resetTitle", { name: user })}
            onClick={() => {
              setReason("");
              setAsking(true);
            }}
          >
            {t("sessions.reset")}
          </GuardedButton>
        )
      }
    >
      {loading && <Spinner size="small" label={t("common.loading")} />}
      {error !== undefined && !data && <ErrorView error={error} onRetry={() => void refresh()} />}
      {data?.value.length === 0 && (
        <p className={styles.text}>
          {t(data.required ? "sessions.noFactorsRequired" : "sessions.noFactors")}
        </p>
      )}
      {data && data.value.length > 0 && <Table factors={data.value} />}
      <Confirm
        open={asking}
        title={t("sessions.resetTitle", { name: user })}
        loses={[t("sessions.resetLoss1"), t("sessions.resetLoss2")]}
        confirm={t("sessions.reset")}
        ready={reason.trim() !== ""}
        onConfirm={reset}
        onClose={() => setAsking(false)}
      >
        <Field label={t("sessions.resetReason")} hint={t("sessions.resetReasonHint")} required>
          <Input
            value={reason}
            maxLength={MAX_REASON}
            autoComplete="off"
            onChange={(_, data) => setReason(data.value)}
          />
        </Field>
      </Confirm>
    </Card>
  );
}

function Table({ factors }: { factors: readonly Factor[] }): ReactNode {
  const table = useTableStyles();
  return (
    <div className={table.box}>
      <table className={table.table} aria-label={t("sessions.factors")}>
        <thead>
          <tr>
            <th scope="col" className={table.head}>
              {t("sessions.factorName")}
            </th>
            <th scope="col" className={table.head}>
              {t("sessions.factorKind")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wide)}>
              {t("sessions.factorAdded")}
            </th>
            <th scope="col" className={table.head}>
              {t("sessions.lastUsed")}
            </th>
          </tr>
        </thead>
        <tbody>
          {factors.map((factor) => (
            <tr key={factor.id} className={table.row}>
              <th scope="row" className={mergeClasses(table.cell, table.name)}>
                {factor.name}
              </th>
              <td className={table.cell}>{kindWord(factor)}</td>
              <td className={mergeClasses(table.cell, table.wide)}>
                <When at={factor.created} />
              </td>
              <td className={table.cell}>
                {factor.lastUsed ? <When at={factor.lastUsed} relative /> : t("sessions.never")}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function kindWord({ kind, host }: Factor): string {
  switch (kind) {
    case "totp":
      return t("sessions.factorApp");
    case "passkey":
      return host ? t("sessions.factorFor", { host }) : t("sessions.factorPasskey");
    default:
      return kind;
  }
}
