import { Button, makeStyles, Spinner, tokens } from "@fluentui/react-components";
import { SignOutRegular } from "@fluentui/react-icons";
import { type ReactNode, useCallback, useState } from "react";
import type { SignIn } from "../../api/types";
import { useAuth } from "../../auth";
import { Confirm, ErrorView, usePoll } from "../../components";
import { t } from "../../text";
import { Card } from "../shared/Card";
import { PollState } from "../shared/PollState";
import { SessionTable } from "./SessionTable";
import { endAll, endOthers, endSignIn, loadSignIns, programWord } from "./signIns";

const SECONDS = 15;

interface Props {
  /** Somebody's name; oneself when absent. */
  user?: string;
}

/** `all` signs out everywhere, `others` everywhere but here. */
type Asked = { deed: "end"; session: SignIn } | { deed: "others" } | { deed: "all" };

const useStyles = makeStyles({
  text: { margin: 0, color: tokens.colorNeutralForeground2 },
});

/** Where somebody is signed in: ended one by one, or all at once. */
export function SessionsCard({ user }: Props): ReactNode {
  const styles = useStyles();
  const { user: me, signOut } = useAuth();
  const load = useCallback((signal: AbortSignal) => loadSignIns(user, signal), [user]);
  const polled = usePoll(load, SECONDS);
  const { data, error, loading, refresh } = polled;
  const [asked, setAsked] = useState<Asked>();
  // The page of somebody else may be one's own.
  const own = user === undefined || user.toLowerCase() === me.userName.toLowerCase();

  async function act(wanted: Asked): Promise<void> {
    if (wanted.deed === "end") await endSignIn(user, wanted.session);
    else if (wanted.deed === "others") await endOthers();
    else await endAll(user);
    const here = wanted.deed === "all" ? own : wanted.deed === "end" && wanted.session.current;
    if (here) await signOut();
    else void refresh();
  }

  return (
    <Card
      title={t(user === undefined ? "sessions.table" : "sessions.title")}
      note={<PollState polled={polled} />}
      actions={
        data &&
        data.length > 0 && (
          <>
            {own && data.length > 1 && (
              <Button onClick={() => setAsked({ deed: "others" })}>{t("sessions.endOthers")}</Button>
            )}
            <Button icon={<SignOutRegular />} onClick={() => setAsked({ deed: "all" })}>
              {t("sessions.endAll")}
            </Button>
          </>
        )
      }
    >
      {loading && <Spinner size="small" label={t("common.loading")} />}
      {error !== undefined && !data && <ErrorView error={error} onRetry={() => void refresh()} />}
      {data?.length === 0 && <p className={styles.text}>{t("sessions.none")}</p>}
      {data && data.length > 0 && (
        <SessionTable sessions={data} onEnd={(session) => setAsked({ deed: "end", session })} />
      )}
      <Confirm
        open={asked !== undefined}
        title={titleOf(asked, user)}
        loses={asked ? lossesOf(asked, own) : []}
        confirm={asked?.deed === "end" ? t("sessions.end") : t("sessions.endButton")}
        onConfirm={() => asked && act(asked)}
        onClose={() => setAsked(undefined)}
      />
    </Card>
  );
}

function titleOf(asked: Asked | undefined, user: string | undefined): string {
  switch (asked?.deed) {
    case "end":
      return t("sessions.endTitle", { what: programWord(asked.session), address: asked.session.address });
    case "others":
      return t("sessions.othersTitle");
    default:
      return user === undefined ? t("sessions.allTitle") : t("sessions.allTitleOf", { name: user });
  }
}

function lossesOf(asked: Asked, own: boolean): string[] {
  const losses = [t("sessions.loss")];
  if (asked.deed === "all") losses.push(t("sessions.lossDevices"));
  if ((asked.deed === "end" && asked.session.current) || (asked.deed === "all" && own))
    losses.push(t("sessions.lossHere"));
  return losses;
}
