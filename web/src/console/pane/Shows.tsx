import {
  Button,
  makeStyles,
  Popover,
  PopoverSurface,
  PopoverTrigger,
  tokens,
} from "@fluentui/react-components";
import type { ReactNode } from "react";
import { CopyButton } from "../../components";
import { t } from "../../text";
import { faultOf } from "../faults";
import { isPortState } from "../portStates";

/** What a state alone explains; the table of wire/known_issues.py. */
const EXPLAINED: Readonly<Record<string, string>> = {
  healthReport: "SacDisabled",
  kernelDebugger: "KernelDebuggerOnPort",
};

const useStyles = makeStyles({
  surface: { maxWidth: "32rem", whiteSpace: "normal" },
  command: { display: "flex", alignItems: "center", columnGap: tokens.spacingHorizontalS },
  code: { fontFamily: tokens.fontFamilyMonospace, overflowWrap: "anywhere" },
});

/** Who reads the port; where that is a known trouble, what it is and the commands that end it. */
export function Shows({ state }: { state: string | null }): ReactNode {
  if (state === null || !isPortState(state)) return null;
  const word = t(`console.shows_${state}`);
  const code = EXPLAINED[state];
  return code === undefined ? <span>{word}</span> : <Issue word={word} code={code} />;
}

function Issue({ word, code }: { word: string; code: string }): ReactNode {
  const styles = useStyles();
  const fault = faultOf(code, {}, "…");
  return (
    <Popover trapFocus>
      <PopoverTrigger disableButtonEnhancement>
        <Button size="small">{word}</Button>
      </PopoverTrigger>
      <PopoverSurface className={styles.surface} aria-label={fault.title}>
        <strong>{fault.title}</strong>
        <p>{fault.cause}</p>
        {fault.remedy?.map((step) => (
          <div key={step}>
            <p>{step.replaceAll("`", "")}</p>
            {commandsOf(step).map((command) => (
              <div key={command} className={styles.command}>
                <code className={styles.code}>{command}</code>
                <CopyButton text={command} />
              </div>
            ))}
          </div>
        ))}
      </PopoverSurface>
    </Popover>
  );
}

/** What stands between backticks in a remedy. */
function commandsOf(step: string): string[] {
  return step.split("`").filter((_, index) => index % 2 === 1);
}
