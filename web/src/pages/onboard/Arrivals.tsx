import { makeStyles, tokens } from "@fluentui/react-components";
import { type ReactNode, useEffect, useState } from "react";
import { Link } from "react-router";
import { StatusBadge } from "../../components";
import { t } from "../../text";
import { StateSince } from "../machines/StateLabel";
import { useServers } from "../machines/useServers";
import { Card } from "../shared/Card";
import { machinePath, placeOf } from "../shared/resourceId";
import { useTableStyles } from "../shared/tableStyles";
import { arrivals, type Before, before } from "./arrivals";

const useStyles = makeStyles({
  list: { display: "grid", rowGap: tokens.spacingVerticalS, margin: 0, padding: 0, listStyleType: "none" },
  item: { display: "flex", flexWrap: "wrap", alignItems: "center", columnGap: tokens.spacingHorizontalL },
});

/** Waits for servers to appear in a resource group (its id), and says so when they do. */
export function Arrivals({ group }: { group: string }): ReactNode {
  const styles = useStyles();
  const table = useTableStyles();
  const servers = useServers().data?.servers;
  const [was, begin] = useState<Before>();
  useEffect(() => {
    if (servers && !was) begin(before(servers));
  }, [servers, was]);
  const found = servers && was ? arrivals(servers, was, group) : [];
  return (
    <Card title={t("onboard.arrivals")}>
      <div role="status">
        {found.length > 0 ? (
          t("onboard.arrived", { count: found.length })
        ) : (
          <StatusBadge tone="busy">
            {t("onboard.waiting", { group: group.split("/").at(-1) ?? "" })}
          </StatusBadge>
        )}
      </div>
      {found.length > 0 && (
        <ul className={styles.list} aria-label={t("onboard.arrivedList")}>
          {found.map((server) => (
            <li key={server.key} className={styles.item}>
              <Link className={table.link} to={machinePath(placeOf(server.id))}>
                {server.name}
              </Link>
              <StateSince server={server} />
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
