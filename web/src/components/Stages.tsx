import { makeStyles, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { t } from "../text";
import { StatusBadge, type Tone } from "./StatusBadge";

const useStyles = makeStyles({
  list: {
    display: "grid",
    rowGap: tokens.spacingVerticalXS,
    marginBlock: 0,
    paddingInlineStart: tokens.spacingHorizontalXL,
  },
  stage: { overflowWrap: "anywhere", "& > span": { verticalAlign: "text-bottom" } },
});

interface Props {
  /** In their order, as sentences. */
  stages: readonly string[];
  /** Index of the one that goes on, or that failed; behind the last when all are done. */
  at: number;
  failed?: boolean;
}

/** What is done one after the other, and how far it is. */
export function Stages({ stages, at, failed = false }: Props): ReactNode {
  const styles = useStyles();
  return (
    <ol className={styles.list} aria-live="polite">
      {stages.map((stage, number) => {
        const [tone, word] = standing(number - at, failed);
        return (
          <li key={stage} className={styles.stage}>
            {stage} <StatusBadge tone={tone}>{word}</StatusBadge>
          </li>
        );
      })}
    </ol>
  );
}

function standing(ahead: number, failed: boolean): [Tone, string] {
  if (ahead < 0) return ["good", t("common.stageDone")];
  if (ahead > 0) return ["off", t("common.stageWaiting")];
  return failed ? ["bad", t("common.stageFailed")] : ["busy", t("common.stageBusy")];
}
