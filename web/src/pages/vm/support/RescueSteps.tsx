import { makeStyles, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { Prose, StatusBadge } from "../../../components";
import { full, localTimes, t } from "../../../text";
import { Card } from "../../shared/Card";
import { FoundWords } from "./FoundWords";
import { markOf, markWord, type Step, toneOf } from "./rescue";
import { useSupportStyles } from "./useStyles";

const useStyles = makeStyles({
  list: { display: "grid", rowGap: tokens.spacingVerticalM, margin: 0, padding: 0, listStyleType: "none" },
  step: { display: "grid", rowGap: tokens.spacingVerticalXS, minWidth: 0 },
  head: {
    display: "flex",
    flexWrap: "wrap",
    justifyContent: "space-between",
    columnGap: tokens.spacingHorizontalM,
  },
});

/** All eight, those to come as well. */
export function RescueSteps({ steps }: { steps: readonly Step[] }): ReactNode {
  const styles = useStyles();
  return (
    <Card title={t("rescue.steps")}>
      <ol className={styles.list}>
        {steps.map((step) => (
          <li key={step.number} className={styles.step}>
            <OneStep step={step} />
          </li>
        ))}
      </ol>
    </Card>
  );
}

function OneStep({ step }: { step: Step }): ReactNode {
  const styles = useStyles();
  const support = useSupportStyles();
  const mark = markOf(step);
  const { deed } = step;
  return (
    <>
      <div className={styles.head}>
        <span className={support.strong}>
          {step.number}. {step.title}
        </span>
        <StatusBadge tone={toneOf(mark)}>{markWord(mark)}</StatusBadge>
      </div>
      {step.findings.map((found) => (
        <FoundWords key={found.code + found.message} found={found} />
      ))}
      {deed && <p className={support.text}>{told(deed)}</p>}
      {deed?.guest?.changes.map((each) => (
        <p key={each.name} className={support.text}>
          <Prose text={localTimes(`${each.text} ${each.undo}`)} />
        </p>
      ))}
      {deed?.guest?.notes.map((note) => (
        <p key={note} className={support.text}>
          <Prose text={localTimes(note)} />
        </p>
      ))}
      {deed?.findings?.map((found) => (
        <FoundWords key={`${found.code} ${found.message}`} found={found} />
      ))}
      {deed?.problem && <FoundWords found={deed.problem} />}
      {deed?.undone && <p className={support.text}>{t("rescue.undone", { when: full(deed.undone) })}</p>}
      {deed?.left?.map((found) => (
        <FoundWords key={`${found.code} ${found.message}`} found={found} />
      ))}
    </>
  );
}

function told({ title, state, observed }: NonNullable<Step["deed"]>): string {
  if (state === "done" && observed) return localTimes(t("rescue.did", { deed: title, observed }));
  return state === "wished" ? t("rescue.would", { deed: title }) : title;
}
