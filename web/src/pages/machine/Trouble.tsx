import { MessageBar, MessageBarBody, MessageBarTitle, makeStyles, tokens } from "@fluentui/react-components";
import { type ReactNode, useCallback } from "react";
import { arm } from "../../api/client";
import type { MachineError } from "../../api/machines";
import type { Explanation } from "../../api/types";
import { Prose, usePoll } from "../../components";
import { localTimes, t } from "../../text";
import { useLocale } from "../../text/language";
import type { Server } from "../machines/server";
import { type State, stateHint, stateWord } from "../machines/state";
import { CommandLine } from "../shared/CommandLine";

const useStyles = makeStyles({
  root: { display: "grid", gridTemplateColumns: "minmax(0, 1fr)", rowGap: tokens.spacingVerticalS },
  body: {
    display: "grid",
    rowGap: tokens.spacingVerticalXS,
    paddingBlock: tokens.spacingVerticalS,
    whiteSpace: "normal",
    overflowWrap: "anywhere",
  },
  list: { marginBlock: 0, paddingInlineStart: tokens.spacingHorizontalXL },
  code: { color: tokens.colorNeutralForeground2, fontSize: tokens.fontSizeBase200 },
});

/** What helps on the server itself, where something does. */
const COMMANDS: Partial<Record<State, string>> = {
  disconnected: "azcmagent show",
  expired: "azcmagent check",
  awaiting: "azcmagent show",
};

const EXPIRED = "AgentExpired";
/** What may still be mended before anything is lost. */
const WARNINGS: ReadonlySet<string> = new Set(["MachineCertificateEnds"]);

/** What is wrong with the machine and what to do, when something is. */
export function Trouble({ server, errors }: { server: Server; errors: readonly MachineError[] }): ReactNode {
  const styles = useStyles();
  const { state } = server;
  const command = COMMANDS[state];
  // Of an end the control plane tells itself, with its day.
  const told = state === "connected" || (state === "expired" && errors.some((each) => each.code === EXPIRED));
  if (told && errors.length === 0) return null;
  return (
    <div className={styles.root}>
      {!told && (
        <MessageBar
          intent={
            state === "expired" || state === "error" ? "error" : state === "awaiting" ? "info" : "warning"
          }
          layout="multiline"
        >
          <MessageBarBody className={styles.body}>
            <MessageBarTitle>{stateWord(state)}</MessageBarTitle>
            <span>{stateHint(state)}</span>
            {command && (
              <>
                <span>{t("machine.seeThere")}</span>
                <CommandLine command={command} />
              </>
            )}
          </MessageBarBody>
        </MessageBar>
      )}
      {errors.length > 0 && <Errors errors={errors} />}
    </div>
  );
}

/** What the machine says is wrong; cause and remedy come from the catalogue, by the code. */
function Errors({ errors }: { errors: readonly MachineError[] }): ReactNode {
  const styles = useStyles();
  const spoken = useLocale();
  const codes = [...new Set(errors.map((each) => each.code))].join("\n");
  // biome-ignore lint/correctness/useExhaustiveDependencies: the answer is in the language that is spoken.
  const load = useCallback(
    async (signal: AbortSignal) =>
      (await arm.post<{ value: Explanation[] }>("/catalogue/explain", { body: { text: codes }, signal }))
        .value,
    [codes, spoken],
  );
  const meanings = usePoll(load, 0).data ?? [];
  return errors.map((each) => {
    const meaning = meanings.find((one) => one.code === each.code);
    return (
      <MessageBar
        key={`${each.code} ${each.message}`}
        intent={WARNINGS.has(each.code) ? "warning" : "error"}
        layout="multiline"
        lang={spoken}
      >
        <MessageBarBody className={styles.body}>
          <MessageBarTitle>{meaning?.title ?? each.code}</MessageBarTitle>
          <span>
            <Prose text={localTimes(each.message || meaning?.message || "")} />
          </span>
          {meaning?.cause && (
            <span>
              <strong>{t("common.cause")}: </strong>
              <Prose text={meaning.cause} />
            </span>
          )}
          {meaning && meaning.remedy.length > 0 && (
            <div>
              <strong>{t("common.whatToDo")}:</strong>
              <ul className={styles.list}>
                {meaning.remedy.map((step) => (
                  <li key={step}>
                    <Prose text={step} />
                  </li>
                ))}
              </ul>
            </div>
          )}
          <span className={styles.code}>
            {t("common.code")}: {each.code}
          </span>
        </MessageBarBody>
      </MessageBar>
    );
  });
}
