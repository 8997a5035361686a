import { Button, makeStyles, Spinner, tokens } from "@fluentui/react-components";
import { ArrowClockwiseRegular, PersonAddRegular } from "@fluentui/react-icons";
import { type ReactNode, useState } from "react";
import type { User } from "../../api/types";
import { useAuth } from "../../auth";
import { Confirm, ErrorView, PageHeader, usePoll } from "../../components";
import { t } from "../../text";
import { GuardedButton } from "../shared/GuardedButton";
import { PollState } from "../shared/PollState";
import { AddUser } from "./AddUser";
import { inOrder, loadPeople, type Made, removeUser, resetPassword, setEnabled } from "./directory";
import { OncePassword } from "./OncePassword";
import { UserTable } from "./UserTable";

/** What is asked about before it is done. */
export type Deed = "reset" | "disable" | "enable" | "remove";

const SECONDS = 30;

const useStyles = makeStyles({
  root: { display: "grid", rowGap: tokens.spacingVerticalM },
});

/** Who can sign in to this control plane. What they may do is given under Access of a machine or subscription. */
export default function UsersPage(): ReactNode {
  const styles = useStyles();
  const me = useAuth().user.objectId;
  const polled = usePoll(loadPeople, SECONDS);
  const { data, error, loading, refresh } = polled;
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<Made>();
  const [asked, setAsked] = useState<{ deed: Deed; user: User }>();
  const why = data?.mayWrite === false ? t("users.whyNot") : undefined;

  async function act(deed: Deed, user: User): Promise<void> {
    if (deed === "reset") setMade(await resetPassword(user));
    else if (deed === "remove") await removeUser(user);
    else await setEnabled(user, deed === "enable");
    void refresh();
  }

  return (
    <div className={styles.root}>
      <PageHeader
        title={t("users.title")}
        subtitle={t("users.subtitle")}
        actions={
          <>
            <GuardedButton icon={<PersonAddRegular />} why={why} onClick={() => setAdding(true)}>
              {t("users.add")}
            </GuardedButton>
            <Button icon={<ArrowClockwiseRegular />} onClick={() => void refresh()}>
              {t("common.refresh")}
            </Button>
          </>
        }
      />
      {loading && <Spinner label={t("common.loading")} />}
      {error !== undefined && !data && <ErrorView error={error} onRetry={() => void refresh()} />}
      {data && (
        <>
          <UserTable
            users={inOrder(data.users)}
            me={me}
            why={why}
            onAsk={(deed, user) => setAsked({ deed, user })}
          />
          <PollState polled={polled} />
        </>
      )}
      <AddUser
        open={adding}
        domain={data?.domain ?? ""}
        onMade={(one) => {
          setMade(one);
          void refresh();
        }}
        onClose={() => setAdding(false)}
      />
      <OncePassword made={made} onClose={() => setMade(undefined)} />
      <Question asked={asked} onAct={act} onClose={() => setAsked(undefined)} />
    </div>
  );
}

function Question(props: {
  asked: { deed: Deed; user: User } | undefined;
  onAct: (deed: Deed, user: User) => Promise<void>;
  onClose: () => void;
}): ReactNode {
  const { asked, onAct, onClose } = props;
  const name = asked?.user.userPrincipalName ?? "";
  const deed = asked?.deed ?? "reset";
  const loses: Readonly<Record<Deed, readonly string[]>> = {
    reset: [t("users.resetLoss1"), t("users.resetLoss2")],
    disable: [t("users.disableLoss1"), t("users.disableLoss2")],
    enable: [t("users.enableLoss")],
    remove: [t("users.removeLoss1"), t("users.removeLoss2")],
  };
  return (
    <Confirm
      open={asked !== undefined}
      title={t(`users.${deed}Title`, { name })}
      confirm={t(`users.${deed}`)}
      loses={loses[deed]}
      onConfirm={() => asked && onAct(asked.deed, asked.user)}
      onClose={onClose}
    />
  );
}
