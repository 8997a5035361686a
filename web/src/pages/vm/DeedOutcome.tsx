import {
  Button,
  MessageBar,
  MessageBarActions,
  MessageBarBody,
  MessageBarTitle,
  makeStyles,
  Spinner,
  tokens,
} from "@fluentui/react-components";
import { DismissRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { ErrorView } from "../../components";
import { t } from "../../text";
import { wordFor } from "./DeedQuestion";
import { MoveProgress } from "./MoveProgress";
import { type Deeds, isUnmoved } from "./useDeeds";

const useStyles = makeStyles({
  root: { display: "grid", rowGap: tokens.spacingVerticalS, justifyItems: "start" },
  body: { whiteSpace: "normal", overflowWrap: "anywhere" },
});

/** How the last deed goes or went: what was seen to happen, or why it did not and what to do. */
export function DeedOutcome({ deeds, onForce }: { deeds: Deeds; onForce: () => void }): ReactNode {
  const styles = useStyles();
  const { busy, progress, outcome, begin, dismiss } = deeds;
  if (busy) {
    return (
      <div className={styles.root}>
        <Spinner size="tiny" labelPosition="after" label={t("vm.busy", { what: wordFor(busy) })} />
        <MoveProgress progress={progress} />
      </div>
    );
  }
  if (!outcome) return null;
  if (outcome.error === undefined) {
    return (
      <MessageBar intent="success" layout="multiline" role="status">
        <MessageBarBody className={styles.body}>
          <MessageBarTitle>{t("vm.observed", { what: wordFor(outcome.deed) })}</MessageBarTitle>
          {outcome.observed ?? t("vm.done")}
        </MessageBarBody>
        <MessageBarActions
          containerAction={
            <Button
              appearance="transparent"
              icon={<DismissRegular />}
              aria-label={t("common.close")}
              onClick={dismiss}
            />
          }
        />
      </MessageBar>
    );
  }
  return (
    <div className={styles.root}>
      <ErrorView error={outcome.error} onRetry={() => void begin(outcome.deed)} />
      {isUnmoved(outcome) && <Button onClick={onForce}>{t("vm.forceStop")}</Button>}
    </div>
  );
}
