import { Button, makeStyles, Spinner, tokens } from "@fluentui/react-components";
import { ArrowClockwiseRegular, DeleteRegular, EditRegular } from "@fluentui/react-icons";
import { type ReactNode, useCallback, useState } from "react";
import { useNavigate, useParams } from "react-router";
import { arm } from "../../api/client";
import type { Group } from "../../api/types";
import { Confirm, ErrorView, PageHeader, usePoll, When } from "../../components";
import { t } from "../../text";
import { toPerson } from "../access/directory";
import { GroupsCard } from "../identity/GroupsCard";
import { RolesCard } from "../identity/RolesCard";
import { Card } from "../shared/Card";
import { Facts } from "../shared/Facts";
import { GuardedButton } from "../shared/GuardedButton";
import { useWhyNot } from "../shared/useRights";
import { GroupForm } from "./GroupForm";
import { pathOf, removeGroup } from "./groups";
import { MembersCard } from "./MembersCard";

const SECONDS = 30;

const useStyles = makeStyles({
  root: { display: "grid", gridTemplateColumns: "minmax(0, 1fr)", rowGap: tokens.spacingVerticalM },
});

/** One group: who is in it, what it may do, and the groups that it is in itself. */
export default function GroupPage(): ReactNode {
  const styles = useStyles();
  const id = useParams()["id"] ?? "";
  const load = useCallback((signal: AbortSignal) => arm.get<Group>(pathOf(id), { signal }), [id]);
  const { data, error, loading, refresh } = usePoll(load, SECONDS);
  return (
    <div className={styles.root}>
      {!data && <PageHeader title={t("access.principalGroup")} />}
      {loading && <Spinner label={t("common.loading")} />}
      {error !== undefined && !data && <ErrorView error={error} onRetry={() => void refresh()} />}
      {data && <Whole key={data.id} group={data} refresh={refresh} />}
    </div>
  );
}

function Whole({ group, refresh }: { group: Group; refresh: () => Promise<void> }): ReactNode {
  const navigate = useNavigate();
  const why = useWhyNot("writeGroups");
  const [asked, setAsked] = useState<"change" | "remove">();
  const [members, setMembers] = useState<number>();
  return (
    <>
      <PageHeader
        title={group.displayName}
        subtitle={group.description || t("access.principalGroup")}
        actions={
          <>
            <GuardedButton icon={<EditRegular />} why={why} onClick={() => setAsked("change")}>
              {t("groups.change")}
            </GuardedButton>
            <GuardedButton icon={<DeleteRegular />} why={why} onClick={() => setAsked("remove")}>
              {t("groups.remove")}
            </GuardedButton>
            <Button icon={<ArrowClockwiseRegular />} onClick={() => void refresh()}>
              {t("common.refresh")}
            </Button>
          </>
        }
      />
      <Card title={t("groups.about")}>
        <Facts
          facts={[
            { name: t("users.objectId"), value: group.id, copy: group.id, long: true },
            {
              name: t("users.since"),
              value: group.createdDateTime ? <When at={group.createdDateTime} /> : t("common.none"),
              long: true,
            },
          ]}
        />
      </Card>
      <MembersCard group={group} why={why} onCount={setMembers} />
      <RolesCard who={toPerson(group)} />
      <GroupsCard id={group.id} />
      <GroupForm
        open={asked === "change"}
        group={group}
        onDone={() => void refresh()}
        onClose={() => setAsked(undefined)}
      />
      <Confirm
        open={asked === "remove"}
        title={t("groups.removeTitle", { name: group.displayName })}
        loses={[
          members === undefined ? t("groups.removeLossMembers") : t("groups.removeLoss", { count: members }),
          t("groups.removeLossEver"),
        ]}
        confirm={t("groups.remove")}
        onConfirm={async () => {
          await removeGroup(group);
          void navigate("/identity/groups", { replace: true });
        }}
        onClose={() => setAsked(undefined)}
      />
    </>
  );
}
