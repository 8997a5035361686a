import { Button, makeStyles, Popover, PopoverSurface, PopoverTrigger } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { t } from "../../text";
import { faultOf } from "../faults";
import { BY_STATE } from "../knownIssues";
import { isPortState } from "../portStates";
import { IssueWords } from "./IssueWords";

const useStyles = makeStyles({ surface: { maxWidth: "32rem", whiteSpace: "normal" } });

/** Who reads the port; where that is a known trouble, what it is and the commands that end it. */
export function Shows({ state }: { state: string | null }): ReactNode {
  if (state === null || !isPortState(state)) return null;
  const word = t(`console.shows_${state}`);
  const code = BY_STATE[state];
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
        <IssueWords fault={fault} />
      </PopoverSurface>
    </Popover>
  );
}
