import { makeStyles, Spinner, tokens } from "@fluentui/react-components";
import { type ReactNode, useCallback } from "react";
import { Link } from "react-router";
import { ErrorView, usePoll } from "../../components";
import { t } from "../../text";
import { Card } from "../shared/Card";
import { PollState } from "../shared/PollState";
import { useTableStyles } from "../shared/tableStyles";
import { groupsOf } from "./holdings";

const SECONDS = 30;

const useStyles = makeStyles({
  list: {
    display: "flex",
    flexWrap: "wrap",
    gap: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalL}`,
    margin: 0,
    padding: 0,
    listStyleType: "none",
  },
  text: { margin: 0, color: tokens.colorNeutralForeground2 },
});

/** The groups that somebody is in. */
export function GroupsCard({ id }: { id: string }): ReactNode {
  const styles = useStyles();
  const table = useTableStyles();
  const load = useCallback((signal: AbortSignal) => groupsOf(id, signal), [id]);
  const polled = usePoll(load, SECONDS);
  const { data, error, loading, refresh } = polled;
  return (
    <Card title={t("identity.groups")} note={<PollState polled={polled} />}>
      {loading && <Spinner size="small" label={t("common.loading")} />}
      {error !== undefined && !data && <ErrorView error={error} onRetry={() => void refresh()} />}
      {data?.length === 0 && <p className={styles.text}>{t("identity.noGroups")}</p>}
      {data && data.length > 0 && (
        <ul className={styles.list}>
          {data.map((group) => (
            <li key={group.id}>
              <Link className={table.link} to={`/identity/groups/${group.id}`}>
                {group.name}
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
