import { Button, makeStyles, mergeClasses, Spinner, tokens } from "@fluentui/react-components";
import { AddRegular, ArrowClockwiseRegular, PeopleTeamRegular } from "@fluentui/react-icons";
import { type ReactNode, useState } from "react";
import { Link, useNavigate } from "react-router";
import type { Group } from "../../api/types";
import { Empty, ErrorView, PageHeader, usePoll, When } from "../../components";
import { t } from "../../text";
import { GuardedButton } from "../shared/GuardedButton";
import { Listing } from "../shared/Listing";
import { useTableStyles } from "../shared/tableStyles";
import { useWhyNot } from "../shared/useRights";
import { GroupForm } from "./GroupForm";
import { loadGroups } from "./groups";

const SECONDS = 30;

const useStyles = makeStyles({
  root: { display: "grid", gridTemplateColumns: "minmax(0, 1fr)", rowGap: tokens.spacingVerticalM },
});

const words = (group: Group): string => `${group.displayName} ${group.description ?? ""}`;

/** Groups: what one may, all of its members may. */
export default function GroupsPage(): ReactNode {
  const styles = useStyles();
  const navigate = useNavigate();
  const polled = usePoll(loadGroups, SECONDS);
  const { data, error, loading, refresh } = polled;
  const why = useWhyNot("writeGroups");
  const [adding, setAdding] = useState(false);
  return (
    <div className={styles.root}>
      <PageHeader
        title={t("frame.groups")}
        subtitle={t("groups.subtitle")}
        actions={
          <>
            <GuardedButton icon={<AddRegular />} why={why} onClick={() => setAdding(true)}>
              {t("groups.add")}
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
          items={data}
          words={words}
          search={t("groups.search")}
          polled={polled}
          empty={
            <Empty title={t("groups.none")} icon={<PeopleTeamRegular />}>
              {t("groups.noneHint")}
            </Empty>
          }
        >
          {(rows) => <Table groups={rows} />}
        </Listing>
      )}
      <GroupForm
        open={adding}
        onDone={(id) => void navigate(`/identity/groups/${id}`)}
        onClose={() => setAdding(false)}
      />
    </div>
  );
}

function Table({ groups }: { groups: readonly Group[] }): ReactNode {
  const table = useTableStyles();
  return (
    <div className={table.box}>
      <table className={table.table} aria-label={t("frame.groups")}>
        <thead>
          <tr>
            <th scope="col" className={table.head}>
              {t("groups.name")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wide)}>
              {t("groups.description")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wide)}>
              {t("users.since")}
            </th>
          </tr>
        </thead>
        <tbody>
          {groups.map((group) => (
            <tr key={group.id} className={table.row}>
              <th scope="row" className={mergeClasses(table.cell, table.name)}>
                <Link className={table.link} to={`/identity/groups/${group.id}`}>
                  {group.displayName}
                </Link>
                <span className={table.instead}>{group.description}</span>
              </th>
              <td className={mergeClasses(table.cell, table.wide)}>{group.description}</td>
              <td className={mergeClasses(table.cell, table.wide)}>
                {group.createdDateTime && <When at={group.createdDateTime} />}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
