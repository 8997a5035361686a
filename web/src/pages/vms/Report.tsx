import { Button, makeStyles, ProgressBar, Text, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { explained } from "../../api/errors";
import { ErrorView } from "../../components";
import { list, t } from "../../text";
import { Scroller } from "../shared/Scroller";
import type { PowerAction } from "./power";
import type { Bulk, Failure, Run } from "./useBulk";

const useStyles = makeStyles({
  progress: { display: "grid", rowGap: tokens.spacingVerticalXS, maxWidth: "28rem" },
  root: {
    display: "grid",
    rowGap: tokens.spacingVerticalM,
    padding: tokens.spacingHorizontalM,
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusLarge,
  },
  title: { margin: 0, fontSize: tokens.fontSizeBase400, lineHeight: tokens.lineHeightBase400 },
  list: { display: "grid", rowGap: tokens.spacingVerticalM, maxHeight: "24rem" },
  cause: { display: "grid", rowGap: tokens.spacingVerticalXS },
  names: { fontWeight: tokens.fontWeightSemibold, overflowWrap: "anywhere" },
  buttons: { display: "flex", flexWrap: "wrap", gap: tokens.spacingHorizontalS },
});

/** How an action on several machines goes, then who could not be helped, why, and what to do. */
export function Report({ bulk }: { bulk: Bulk }): ReactNode {
  const styles = useStyles();
  const { run } = bulk;
  if (!run) return null;
  if (!run.failed) {
    return run.total > 1 ? (
      <div className={styles.progress}>
        <Text size={200}>{t("vms.working", { ended: run.ended, total: run.total })}</Text>
        <ProgressBar value={run.ended} max={run.total} aria-label={t("vms.selection")} />
      </div>
    ) : null;
  }
  const rest = run.total - run.failed.length;
  const machines = run.failed.map((each) => each.machine);
  return (
    <div className={styles.root}>
      <h2 className={styles.title}>{titleOf(run, run.failed.length)}</h2>
      <Text size={200}>{rest > 0 ? t("vms.reportRest", { count: rest }) : t("vms.reportNone")}</Text>
      <Scroller className={styles.list} label={titleOf(run, run.failed.length)}>
        {byCause(run.failed).map(({ names, error }) => (
          <div key={names[0]} className={styles.cause}>
            <span className={styles.names}>{list(names)}</span>
            <ErrorView error={error} />
          </div>
        ))}
      </Scroller>
      <div className={styles.buttons}>
        <Button appearance="primary" onClick={() => void bulk.begin(run.action, machines)}>
          {t("vms.reportRetry")}
        </Button>
        <Button onClick={bulk.dismiss}>{t("common.close")}</Button>
      </div>
    </div>
  );
}

/** Machines that failed for the same reason, in the same words, are told together. */
export function byCause(failed: readonly Failure[]): { names: string[]; error: unknown }[] {
  const causes = new Map<string, { names: string[]; error: unknown }>();
  for (const { machine, error } of failed) {
    const { code, message } = explained(error);
    const key = `${code}\n${message}`;
    const cause = causes.get(key) ?? { names: [], error };
    cause.names.push(machine.name);
    causes.set(key, cause);
  }
  return [...causes.values()];
}

function titleOf({ action }: Run, count: number): string {
  const titles: Readonly<Record<PowerAction, string>> = {
    start: t("vms.reportStart", { count }),
    powerOff: t("vms.reportStop", { count }),
    restart: t("vms.reportRestart", { count }),
  };
  return titles[action];
}
