import { Button, makeStyles, Spinner, tokens } from "@fluentui/react-components";
import {
  ArrowClockwiseRegular,
  DeleteRegular,
  KeyResetRegular,
  PersonAvailableRegular,
  PersonProhibitedRegular,
} from "@fluentui/react-icons";
import { type ReactNode, useCallback, useState } from "react";
import { useNavigate, useParams } from "react-router";
import { arm } from "../../api/client";
import type { User } from "../../api/types";
import { useAuth } from "../../auth";
import { ErrorView, PageHeader, StatusBadge, usePoll, When } from "../../components";
import { t } from "../../text";
import { toPerson } from "../access/directory";
import { GroupsCard } from "../identity/GroupsCard";
import { RolesCard } from "../identity/RolesCard";
import { FactorsCard } from "../sessions/FactorsCard";
import { SessionsCard } from "../sessions/SessionsCard";
import { Card } from "../shared/Card";
import { Facts } from "../shared/Facts";
import { GuardedButton } from "../shared/GuardedButton";
import { OnceShown } from "../shared/OnceShown";
import { RIGHTS } from "../shared/rights";
import { useWhyNot } from "../shared/useRights";
import { type Made, passwordShown } from "./directory";
import { type Asked, type Deed, UserQuestion } from "./UserQuestion";

const SECONDS = 30;

const useStyles = makeStyles({
  root: { display: "grid", gridTemplateColumns: "minmax(0, 1fr)", rowGap: tokens.spacingVerticalM },
  text: { margin: 0, color: tokens.colorNeutralForeground2 },
});

/** One account: who it is, what it may do, where it is signed in and with what. */
export default function UserPage(): ReactNode {
  const styles = useStyles();
  const name = useParams()["name"] ?? "";
  const load = useCallback(
    (signal: AbortSignal) => arm.get<User>(`/v1.0/users/${encodeURIComponent(name)}`, { signal }),
    [name],
  );
  const { data, error, loading, refresh } = usePoll(load, SECONDS);
  return (
    <div className={styles.root}>
      {!data && <PageHeader title={name} subtitle={t("access.user")} />}
      {loading && <Spinner label={t("common.loading")} />}
      {error !== undefined && !data && <ErrorView error={error} onRetry={() => void refresh()} />}
      {data && <Account key={data.id} user={data} refresh={refresh} />}
    </div>
  );
}

function Account({ user, refresh }: { user: User; refresh: () => Promise<void> }): ReactNode {
  const styles = useStyles();
  const navigate = useNavigate();
  const me = useAuth().user.objectId;
  const why = useWhyNot("writeUsers");
  const [made, setMade] = useState<Made>();
  const [asked, setAsked] = useState<Asked>();
  const [reset, setReset] = useState(0);
  const off = user.accountEnabled === false;
  const ask = (deed: Deed): void => setAsked({ deed, user });
  const name = user.userPrincipalName;

  return (
    <>
      <PageHeader
        title={user.displayName || name}
        subtitle={user.id === me ? `${name} (${t("users.you")})` : name}
        status={
          off ? (
            <StatusBadge tone="off">{t("users.disabled")}</StatusBadge>
          ) : (
            <StatusBadge tone="good">{t("users.enabled")}</StatusBadge>
          )
        }
        actions={
          <>
            <GuardedButton icon={<KeyResetRegular />} why={why} onClick={() => ask("reset")}>
              {t("users.reset")}
            </GuardedButton>
            <GuardedButton
              icon={off ? <PersonAvailableRegular /> : <PersonProhibitedRegular />}
              why={why}
              onClick={() => ask(off ? "enable" : "disable")}
            >
              {t(off ? "users.enable" : "users.disable")}
            </GuardedButton>
            <GuardedButton icon={<DeleteRegular />} why={why} onClick={() => ask("remove")}>
              {t("users.remove")}
            </GuardedButton>
            <Button icon={<ArrowClockwiseRegular />} onClick={() => void refresh()}>
              {t("common.refresh")}
            </Button>
          </>
        }
      />
      <Card title={t("users.about")}>
        <Facts
          facts={[
            { name: t("users.userName"), value: name, copy: name, long: true },
            { name: t("users.objectId"), value: user.id, copy: user.id, long: true },
            {
              name: t("users.since"),
              value: user.createdDateTime ? <When at={user.createdDateTime} /> : t("common.none"),
              long: true,
            },
          ]}
        />
      </Card>
      <RolesCard who={toPerson(user)} />
      <GroupsCard id={user.id} />
      {why === undefined ? (
        <>
          <SessionsCard key={reset} user={name} />
          <FactorsCard user={name} onReset={() => setReset((times) => times + 1)} />
        </>
      ) : (
        <p className={styles.text}>{t("users.whyNotMore", { action: RIGHTS.writeUsers })}</p>
      )}
      <OnceShown shown={made && passwordShown(made)} onClose={() => setMade(undefined)} />
      <UserQuestion
        asked={asked}
        onDone={({ deed }, password) => {
          if (deed === "remove") void navigate("/identity/users", { replace: true });
          else void refresh();
          setMade(password);
          setReset((times) => times + 1);
        }}
        onClose={() => setAsked(undefined)}
      />
    </>
  );
}
