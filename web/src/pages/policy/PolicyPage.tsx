import { makeStyles, mergeClasses, Spinner, tokens } from "@fluentui/react-components";
import { type ReactNode, useCallback, useState } from "react";
import { Link } from "react-router";
import { arm } from "../../api/client";
import type { Factors, PolicyPreview, SignInPolicy } from "../../api/types";
import { Confirm, ErrorView, PageHeader, StatusBadge, usePoll } from "../../components";
import { notices } from "../../notices";
import { full, t } from "../../text";
import { Card } from "../shared/Card";
import { GuardedButton } from "../shared/GuardedButton";
import { PollState } from "../shared/PollState";
import { useTableStyles } from "../shared/tableStyles";
import { useWhyNot } from "../shared/useRights";
import { lossesOf } from "./losses";

const POLICY = "/account/api/policy";
const SECONDS = 30;

const useStyles = makeStyles({
  root: { display: "grid", gridTemplateColumns: "minmax(0, 1fr)", rowGap: tokens.spacingVerticalM },
  line: { display: "flex", flexWrap: "wrap", alignItems: "center", gap: tokens.spacingHorizontalL },
  text: { margin: 0, color: tokens.colorNeutralForeground2 },
});

/** What a sign-in takes, for everybody of the tenant. */
export default function PolicyPage(): ReactNode {
  const styles = useStyles();
  const why = useWhyNot("writeUsers");
  return (
    <div className={styles.root}>
      <PageHeader title={t("frame.signInPolicy")} subtitle={t("policy.subtitle")} />
      <Required why={why} />
    </div>
  );
}

function loadPolicy(signal: AbortSignal): Promise<SignInPolicy> {
  return arm.get<SignInPolicy>(POLICY, { signal });
}

function loadPreview(signal: AbortSignal): Promise<PolicyPreview> {
  return arm.get<PolicyPreview>(`${POLICY}/preview`, { signal });
}

/** For who may not ask. */
async function nothing(): Promise<undefined> {
  return undefined;
}

function loadOwn(signal: AbortSignal): Promise<Factors> {
  return arm.get<Factors>("/account/api/factors", { signal });
}

function Required({ why }: { why: string | undefined }): ReactNode {
  const styles = useStyles();
  const polled = usePoll(loadPolicy, SECONDS);
  const { data, error, loading, refresh } = polled;
  const preview = usePoll(why === undefined ? loadPreview : nothing, SECONDS);
  const own = usePoll(loadOwn, 0).data;
  const [asking, setAsking] = useState(false);
  const required = data?.requireMfa === true;

  const set = useCallback(
    async (requireMfa: boolean) => {
      await notices.track(t(requireMfa ? "policy.noticeOn" : "policy.noticeOff"), () =>
        arm.put<SignInPolicy>(POLICY, { body: { requireMfa } }),
      );
      void refresh();
    },
    [refresh],
  );

  return (
    <>
      <Card title={t("policy.mfa")} note={<PollState polled={polled} />}>
        {loading && <Spinner size="small" label={t("common.loading")} />}
        {error !== undefined && !data && <ErrorView error={error} onRetry={() => void refresh()} />}
        {data && (
          <>
            <div className={styles.line}>
              <StatusBadge tone={required ? "good" : "off"}>
                {t(required ? "policy.on" : "policy.off")}
              </StatusBadge>
              <GuardedButton
                appearance={required ? "secondary" : "primary"}
                why={why}
                onClick={() => setAsking(true)}
              >
                {t(required ? "policy.stop" : "policy.start")}
              </GuardedButton>
            </div>
            <p className={styles.text}>{t("policy.about")}</p>
            {data.changed && (
              <p className={styles.text}>
                {t("policy.changed", { when: full(data.changed), name: data.changedBy ?? "" })}
              </p>
            )}
          </>
        )}
      </Card>
      {why === undefined && (
        <Card title={t("policy.without")} note={<PollState polled={preview} />}>
          {preview.loading && <Spinner size="small" label={t("common.loading")} />}
          {preview.error !== undefined && !preview.data && (
            <ErrorView error={preview.error} onRetry={() => void preview.refresh()} />
          )}
          {preview.data && <Without preview={preview.data} />}
        </Card>
      )}
      <Confirm
        open={asking}
        title={t(required ? "policy.stopTitle" : "policy.startTitle")}
        loses={
          required
            ? [t("policy.stopLoss1"), t("policy.stopLoss2")]
            : lossesOf(preview.data, own?.value.length)
        }
        confirm={t(required ? "policy.stopButton" : "policy.startButton")}
        onConfirm={() => set(!required)}
        onClose={() => setAsking(false)}
      />
    </>
  );
}

function Without({ preview }: { preview: PolicyPreview }): ReactNode {
  const styles = useStyles();
  const table = useTableStyles();
  const { people, without, value } = preview;
  if (without === 0) return <p className={styles.text}>{t("policy.withoutNone", { count: people })}</p>;
  return (
    <>
      <p className={styles.text}>{t("policy.withoutSome", { count: without, people })}</p>
      <div className={table.box}>
        <table className={table.table} aria-label={t("policy.without")}>
          <thead>
            <tr>
              <th scope="col" className={table.head}>
                {t("users.userName")}
              </th>
              <th scope="col" className={mergeClasses(table.head, table.wide)}>
                {t("users.displayName")}
              </th>
            </tr>
          </thead>
          <tbody>
            {value.map((user) => (
              <tr key={user.id} className={table.row}>
                <th scope="row" className={mergeClasses(table.cell, table.name)}>
                  <Link
                    className={table.link}
                    to={`/identity/users/${encodeURIComponent(user.userPrincipalName)}`}
                  >
                    {user.userPrincipalName}
                  </Link>
                  <span className={table.instead}>{user.displayName}</span>
                </th>
                <td className={mergeClasses(table.cell, table.wide)}>{user.displayName}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {without > value.length && (
        <p className={styles.text}>{t("policy.withoutMore", { count: without - value.length })}</p>
      )}
    </>
  );
}
