import { makeStyles, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { explained } from "../../api/errors";
import type { Polled } from "../../components";
import { clockTime, t } from "../../text";

const useStyles = makeStyles({
  root: { fontSize: tokens.fontSizeBase200, color: tokens.colorNeutralForeground3 },
  stale: { color: tokens.colorPaletteDarkOrangeForeground1 },
});

/** Says when what is shown has gone stale, and why; nothing while it is fresh. */
export function PollState({ polled }: { polled: Polled<unknown> }): ReactNode {
  const styles = useStyles();
  const { error, updated } = polled;
  if (error === undefined || !updated) return null;
  return (
    <span className={styles.stale} role="status" title={explained(error).message}>
      {t("common.stale", { when: clockTime(updated) })}
    </span>
  );
}
