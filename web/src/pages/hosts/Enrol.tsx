import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  Field,
  Input,
  makeStyles,
  Select,
  Spinner,
  tokens,
} from "@fluentui/react-components";
import { type ReactNode, useCallback, useState } from "react";
import { arm, VERSIONS } from "../../api/client";
import type { ResourceGroup, Subscription } from "../../api/types";
import { ErrorView, usePoll } from "../../components";
import { full, t } from "../../text";
import { CommandLine } from "../shared/CommandLine";
import { GuardedButton } from "../shared/GuardedButton";
import { placeOf } from "../shared/resourceId";
import { RIGHTS } from "../shared/rights";
import { useRights } from "../shared/useRights";

interface Props {
  open: boolean;
  subscriptions: readonly Subscription[];
  onClose: () => void;
}

interface Token {
  token: string;
  until: Date;
}

const HOURS = [1, 4, 24, 72, 168] as const;

const useStyles = makeStyles({
  content: { display: "grid", rowGap: tokens.spacingVerticalM },
  steps: {
    display: "grid",
    rowGap: tokens.spacingVerticalM,
    margin: 0,
    paddingInlineStart: tokens.spacingHorizontalXL,
  },
  step: { display: "grid", rowGap: tokens.spacingVerticalXS },
  text: { margin: 0 },
});

/** A token that lets one host join, and what to do with it. */
export function Enrol({ open, ...props }: Props): ReactNode {
  return (
    <Dialog open={open} onOpenChange={(_, data) => !data.open && props.onClose()}>
      <DialogSurface>
        <Steps {...props} />
      </DialogSurface>
    </Dialog>
  );
}

function Steps({ subscriptions, onClose }: Omit<Props, "open">): ReactNode {
  const styles = useStyles();
  const [token, setToken] = useState<Token>();
  return (
    <DialogBody>
      <DialogTitle>{t("hosts.enrolTitle")}</DialogTitle>
      <DialogContent className={styles.content}>
        {token ? (
          <>
            <p className={styles.text}>{t("hosts.enrolToken", { when: full(token.until) })}</p>
            <CommandLine command={token.token} />
            <p className={styles.text}>{t("hosts.enrolSecret")}</p>
            <ol className={styles.steps}>
              <li>
                <div className={styles.step}>{t("hosts.enrolStep1")}</div>
              </li>
              <li>
                <div className={styles.step}>
                  {t("hosts.enrolStep2")}
                  <CommandLine command={`oob agent enroll --server ${location.origin}`} />
                </div>
              </li>
              <li>
                <div className={styles.step}>
                  {t("hosts.enrolStep3")}
                  <CommandLine command="oob agent run" />
                </div>
              </li>
              <li>
                <div className={styles.step}>{t("hosts.enrolStep4")}</div>
              </li>
            </ol>
          </>
        ) : (
          <Wishes subscriptions={subscriptions} onToken={setToken} />
        )}
      </DialogContent>
      <DialogActions>
        {token && <Button onClick={() => setToken(undefined)}>{t("hosts.enrolAgain")}</Button>}
        <Button onClick={onClose}>{t("common.close")}</Button>
      </DialogActions>
    </DialogBody>
  );
}

interface WishesProps {
  subscriptions: readonly Subscription[];
  onToken: (token: Token) => void;
}

function Wishes({ subscriptions, onToken }: WishesProps): ReactNode {
  const styles = useStyles();
  const wanted = subscriptions.map((each) => each.id).join(" ");
  const load = useCallback(
    (signal: AbortSignal) => groupsOf(wanted.split(" ").filter(Boolean), signal),
    [wanted],
  );
  const groups = usePoll(load, 0);
  const [chosen, setChosen] = useState<string>();
  const [name, setName] = useState("");
  const [hours, setHours] = useState<number>(HOURS[0]);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const scope = chosen ?? groups.data?.[0]?.id;
  const may = useRights(scope === undefined ? [] : [scope]);
  const allowed = scope === undefined || may(scope, "enrol");
  const why = allowed ? undefined : t("hosts.whyRight", { action: RIGHTS.enrol });

  async function make(): Promise<void> {
    if (scope === undefined || busy) return;
    setBusy(true);
    setError(undefined);
    const place = placeOf(scope);
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

  if (groups.loading) return <Spinner label={t("common.loading")} />;
  if (!groups.data) return <ErrorView error={groups.error} onRetry={() => void groups.refresh()} />;
  if (scope === undefined) {
    return (
      <>
        <p className={styles.text}>{t("hosts.enrolNoGroup")}</p>
        <CommandLine command="oob up" />
      </>
    );
  }
  return (
    <form
      className={styles.content}
      onSubmit={(event) => {
        event.preventDefault();
        void make();
      }}
    >
      <p className={styles.text}>{t("hosts.enrolIntro")}</p>
      <Field label={t("hosts.enrolGroup")}>
        <Select value={scope} onChange={(_, data) => setChosen(data.value)}>
          {groups.data.map((group) => (
            <option key={group.id} value={group.id}>
              {group.name}
            </option>
          ))}
        </Select>
      </Field>
      <Field label={t("hosts.enrolName")} hint={t("hosts.enrolNameHint")}>
        <Input value={name} onChange={(_, data) => setName(data.value)} autoComplete="off" />
      </Field>
      <Field label={t("hosts.enrolHours")}>
        <Select value={String(hours)} onChange={(_, data) => setHours(Number(data.value))}>
          {HOURS.map((each) => (
            <option key={each} value={each}>
              {t("hosts.enrolHour", { count: each })}
            </option>
          ))}
        </Select>
      </Field>
      {error !== undefined && <ErrorView error={error} />}
      <div>
        <GuardedButton type="submit" appearance="primary" why={why}>
          {t("hosts.enrolMake")}
        </GuardedButton>
      </div>
      {why && <p className={styles.text}>{why}</p>}
    </form>
  );
}

async function groupsOf(subscriptions: readonly string[], signal: AbortSignal): Promise<ResourceGroup[]> {
  const lists = subscriptions.map((id) =>
    arm.list<ResourceGroup>(`${id}/resourceGroups`, { version: VERSIONS.resources, signal }),
  );
  return (await Promise.all(lists)).flat();
}
