import { Button, makeStyles, Spinner, tokens } from "@fluentui/react-components";
import { ArrowClockwiseRegular, PeopleRegular, PersonAddRegular } from "@fluentui/react-icons";
import { type ReactNode, useMemo, useState } from "react";
import type { User } from "../../api/types";
import { useAuth } from "../../auth";
import { Empty, ErrorView, PageHeader, usePoll } from "../../components";
import { t } from "../../text";
import { GuardedButton } from "../shared/GuardedButton";
import { Listing } from "../shared/Listing";
import { OnceShown } from "../shared/OnceShown";
import { useWhyNot } from "../shared/useRights";
import { AddUser } from "./AddUser";
import { inOrder, loadPeople, type Made, passwordShown } from "./directory";
import { type Asked, UserQuestion } from "./UserQuestion";
import { UserTable } from "./UserTable";

const SECONDS = 30;

const useStyles = makeStyles({
  root: { display: "grid", gridTemplateColumns: "minmax(0, 1fr)", rowGap: tokens.spacingVerticalM },
});

const words = (user: User): string => `${user.userPrincipalName} ${user.displayName}`;

/** Who can sign in to this control plane. What they may do is given under Access of a machine or subscription. */
export default function UsersPage(): ReactNode {
  const styles = useStyles();
  const me = useAuth().user.objectId;
  const polled = usePoll(loadPeople, SECONDS);
  const { data, error, loading, refresh } = polled;
  const why = useWhyNot("writeUsers");
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<Made>();
  const [asked, setAsked] = useState<Asked>();
  const users = useMemo(() => inOrder(data?.users ?? []), [data]);

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
        <Listing
          items={users}
          words={words}
          search={t("users.search")}
          polled={polled}
          empty={<Empty title={t("users.none")} icon={<PeopleRegular />} />}
        >
          {(rows) => (
            <UserTable users={rows} me={me} why={why} onAsk={(deed, user) => setAsked({ deed, user })} />
          )}
        </Listing>
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
      <OnceShown shown={made && passwordShown(made)} onClose={() => setMade(undefined)} />
      <UserQuestion
        asked={asked}
        onDone={(_, password) => {
          setMade(password);
          void refresh();
        }}
        onClose={() => setAsked(undefined)}
      />
    </div>
  );
}
