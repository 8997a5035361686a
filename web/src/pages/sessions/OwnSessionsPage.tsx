import { makeStyles, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { PageHeader } from "../../components";
import { t } from "../../text";
import { SessionsCard } from "./SessionsCard";

const useStyles = makeStyles({
  root: { display: "grid", gridTemplateColumns: "minmax(0, 1fr)", rowGap: tokens.spacingVerticalM },
});

/** Where the person is signed in. What proves them is changed on the account's own pages, under `/account`. */
export default function OwnSessionsPage(): ReactNode {
  const styles = useStyles();
  return (
    <div className={styles.root}>
      <PageHeader title={t("frame.ownSessions")} subtitle={t("sessions.subtitle")} />
      <SessionsCard />
    </div>
  );
}
