import { MessageBar, MessageBarBody, MessageBarTitle, makeStyles, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { Prose } from "../../components";
import { localTimes, t } from "../../text";
import { CommandLine } from "../shared/CommandLine";
import type { Condition, Health } from "../vms/health";
import { conditionWord, hintOf } from "../vms/Labels";

const GRAVE: ReadonlySet<Condition> = new Set(["failed", "fault"]);
const DOUBTFUL: ReadonlySet<Condition> = new Set(["alarm", "unreachable", "unknown"]);

const useStyles = makeStyles({
  body: {
    display: "grid",
    rowGap: tokens.spacingVerticalXS,
    paddingBlock: tokens.spacingVerticalS,
    whiteSpace: "normal",
  },
});

/** What is wrong with the machine, when something is. */
export function Trouble({ health }: { health: Health }): ReactNode {
  const styles = useStyles();
  const { condition, code, detail = hintOf(condition) } = health;
  const grave = GRAVE.has(condition);
  if (!grave && !DOUBTFUL.has(condition)) return null;
  return (
    <MessageBar intent={grave ? "error" : "warning"} layout="multiline">
      <MessageBarBody className={styles.body}>
        <MessageBarTitle>{conditionWord(condition)}</MessageBarTitle>
        {detail && (
          <span>
            <Prose text={localTimes(detail)} />
          </span>
        )}
        {condition === "unreachable" && (
          <>
            <span>{t("vm.seeHost")}</span>
            <CommandLine command="oob agent status" />
          </>
        )}
        {code && (
          <>
            <span>{t("vm.seeFault")}</span>
            <CommandLine command={`oob explain ${code}`} />
          </>
        )}
      </MessageBarBody>
    </MessageBar>
  );
}
