import { Button, Field, Input, makeStyles, Select, tokens } from "@fluentui/react-components";
import { type ReactNode, useState } from "react";
import { arm } from "../../api/client";
import type { ResourceGroup } from "../../api/types";
import { ErrorView } from "../../components";
import { full, t } from "../../text";
import { Card } from "../shared/Card";
import { CommandLine } from "../shared/CommandLine";
import { GuardedButton } from "../shared/GuardedButton";
import { placeOf } from "../shared/resourceId";

interface Props {
  groups: readonly ResourceGroup[];
  /** Id of the group that is chosen. */
  group: string;
  /** Why no machine may be connected to it. */
  why: string | undefined;
  onGroup: (id: string) => void;
}

interface Token {
  token: string;
  until: Date;
}

const HOURS = [1, 4, 24, 72, 168] as const;

const useStyles = makeStyles({
  content: {
    display: "grid",
    gridTemplateColumns: "minmax(0, 1fr)",
    rowGap: tokens.spacingVerticalM,
    maxWidth: "40rem",
  },
  steps: {
    display: "grid",
    gridTemplateColumns: "minmax(0, 1fr)",
    rowGap: tokens.spacingVerticalM,
    margin: 0,
    paddingInlineStart: tokens.spacingHorizontalXL,
  },
  step: { display: "grid", gridTemplateColumns: "minmax(0, 1fr)", rowGap: tokens.spacingVerticalXS },
  text: { margin: 0 },
});

/** A token that lets one host join, and what to do with it. */
export function TokenCard(props: Props): ReactNode {
  const styles = useStyles();
  const [token, setToken] = useState<Token>();
  return (
    <Card title={t("onboard.wayToken")}>
      <div className={styles.content}>
        {token ? (
          <>
            <p className={styles.text}>{t("onboard.tokenReady", { when: full(token.until) })}</p>
            <CommandLine command={token.token} />
            <p className={styles.text}>{t("onboard.tokenSecret")}</p>
            <ol className={styles.steps}>
              <li>{t("onboard.tokenStep1")}</li>
              <li>
                <div className={styles.step}>
                  {t("onboard.tokenStep2")}
                  <CommandLine command={`oob agent enroll --server ${location.origin}`} />
                </div>
              </li>
              <li>
                <div className={styles.step}>
                  {t("onboard.tokenStep3")}
                  <CommandLine command="oob agent run" />
                </div>
              </li>
              <li>{t("onboard.tokenStep4")}</li>
            </ol>
            <div>
              <Button onClick={() => setToken(undefined)}>{t("onboard.tokenAgain")}</Button>
            </div>
          </>
        ) : (
          <Wanted {...props} onToken={setToken} />
        )}
      </div>
    </Card>
  );
}

function Wanted({
  groups,
  group,
  why,
  onGroup,
  onToken,
}: Props & { onToken: (token: Token) => void }): ReactNode {
  const styles = useStyles();
  const [name, setName] = useState("");
  const [hours, setHours] = useState<number>(HOURS[0]);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();

  async function make(): Promise<void> {
    if (busy || why !== undefined) return;
    setBusy(true);
    setError(undefined);
    const place = placeOf(group);
    try {
      const made = await arm.post<{ token: string; expiresIn: number }>("/fleet/tokens", {
        body: {
          subscription: place.subscription,
          resourceGroup: place.group,
          hours,
          ...(name.trim() && { name: name.trim() }),
        },
      });
      onToken({ token: made.token, until: new Date(Date.now() + made.expiresIn * 1000) });
    } catch (thrown) {
      setError(thrown);
      setBusy(false);
    }
  }

  return (
    <form
      className={styles.content}
      onSubmit={(event) => {
        event.preventDefault();
        void make();
      }}
    >
      <p className={styles.text}>{t("onboard.tokenIntro")}</p>
      <Field label={t("onboard.tokenGroup")}>
        <Select value={group} onChange={(_, data) => onGroup(data.value)}>
          {groups.map((each) => (
            <option key={each.id} value={each.id}>
              {each.name}
            </option>
          ))}
        </Select>
      </Field>
      <Field label={t("onboard.tokenName")} hint={t("onboard.tokenNameHint")}>
        <Input value={name} onChange={(_, data) => setName(data.value)} autoComplete="off" />
      </Field>
      <Field label={t("onboard.tokenHours")}>
        <Select value={String(hours)} onChange={(_, data) => setHours(Number(data.value))}>
          {HOURS.map((each) => (
            <option key={each} value={each}>
              {t("onboard.tokenHour", { count: each })}
            </option>
          ))}
        </Select>
      </Field>
      {error !== undefined && <ErrorView error={error} />}
      <div>
        <GuardedButton type="submit" appearance="primary" why={why}>
          {t("onboard.tokenMake")}
        </GuardedButton>
      </div>
      {why && <p className={styles.text}>{why}</p>}
    </form>
  );
}
