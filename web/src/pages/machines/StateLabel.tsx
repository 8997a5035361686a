import { makeStyles, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { StatusBadge, When } from "../../components";
import { t } from "../../text";
import type { Server } from "./server";
import { STATE_TONES, stateHint, stateWord } from "./state";

const useStyles = makeStyles({
  root: { display: "inline-grid", justifyItems: "start" },
  since: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200, whiteSpace: "nowrap" },
});

/** The state of a connected machine. */
export function StateLabel({ server }: { server: Pick<Server, "state"> }): ReactNode {
  const { state } = server;
  return (
    <StatusBadge tone={STATE_TONES[state]} title={stateHint(state) || undefined}>
      {stateWord(state)}
    </StatusBadge>
  );
}

/** The same, and under it since when, and what is to be known beside. */
export function StateSince({
  server,
}: {
  server: Pick<Server, "state" | "since" | "monitor" | "errors">;
}): ReactNode {
  const styles = useStyles();
  const { since, monitor, errors } = server;
  return (
    <span className={styles.root}>
      <StateLabel server={server} />
      {since && (
        <span className={styles.since}>
          <When at={since} relative />
        </span>
      )}
      {monitor && (
        <span className={styles.since} title={t("machines.monitorHint")}>
          {t("machines.monitor")}
        </span>
      )}
      {errors > 0 && <StatusBadge tone="warning">{t("machines.errors", { count: errors })}</StatusBadge>}
    </span>
  );
}
