import { Button, makeStyles, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import type { Finding, FindingSeverity } from "../../../api/types";
import { ErrorView, type Polled, Prose, StatusBadge, type Tone, When } from "../../../components";
import { localTimes, t } from "../../../text";
import { Card } from "../../shared/Card";

const TONES: Readonly<Record<FindingSeverity, Tone>> = { error: "bad", warning: "warning", note: "unknown" };
/** Findings that are over and shown all the same. */
const MOST_ENDED = 10;

const useStyles = makeStyles({
  list: { display: "grid", rowGap: tokens.spacingVerticalL, margin: 0, padding: 0, listStyle: "none" },
  item: { display: "grid", rowGap: tokens.spacingVerticalXS, overflowWrap: "anywhere" },
  head: { display: "flex", flexWrap: "wrap", alignItems: "center", gap: tokens.spacingHorizontalM },
  title: { margin: 0, fontSize: tokens.fontSizeBase300 },
  text: { margin: 0 },
  small: { margin: 0, color: tokens.colorNeutralForeground2, fontSize: tokens.fontSizeBase200 },
  remedy: { margin: 0, paddingInlineStart: tokens.spacingHorizontalXL },
  lines: { display: "grid", margin: 0, padding: 0, listStyle: "none" },
  line: {
    justifyContent: "start",
    textAlign: "start",
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    fontWeight: tokens.fontWeightRegular,
    whiteSpace: "pre-wrap",
    overflowWrap: "anywhere",
  },
});

interface Props {
  polled: Polled<Finding[]>;
  onEvidence: (offset: number) => void;
}

/** What is wrong by what the machine printed: with its lines, why, and what to do. */
export function FindingsCard({ polled, onEvidence }: Props): ReactNode {
  const styles = useStyles();
  const { data, error, loading, refresh } = polled;
  const open = (data ?? []).filter((each) => each.properties.open);
  const ended = (data ?? []).filter((each) => !each.properties.open).slice(0, MOST_ENDED);
  return (
    <Card title={t("vm.findings")}>
      {error !== undefined && <ErrorView error={error} onRetry={() => void refresh()} />}
      {!loading && data && open.length === 0 && (
        <p className={styles.text}>
          <StatusBadge tone="good">{t("vm.findingsNone")}</StatusBadge>
        </p>
      )}
      {open.length > 0 && <List findings={open} onEvidence={onEvidence} />}
      {ended.length > 0 && (
        <details>
          <summary>{t("vm.findingsEnded", { count: ended.length })}</summary>
          <List findings={ended} onEvidence={onEvidence} />
        </details>
      )}
    </Card>
  );
}

function List({
  findings,
  onEvidence,
}: {
  findings: readonly Finding[];
  onEvidence: (offset: number) => void;
}): ReactNode {
  const styles = useStyles();
  return (
    <ul className={styles.list}>
      {findings.map(({ name, properties }) => (
        <li key={name} className={styles.item}>
          <div className={styles.head}>
            <StatusBadge tone={properties.open ? TONES[properties.severity] : "off"}>
              {t(`vm.findingSeverity_${properties.severity}`)}
            </StatusBadge>
            <h3 className={styles.title}>{properties.title}</h3>
            <span className={styles.small}>
              <When at={properties.last} relative />
              {properties.count > 1 && ` · ${t("vm.findingCount", { count: properties.count })}`}
              {` · ${properties.code}`}
            </span>
          </div>
          <p className={styles.text}>
            <Prose text={localTimes(properties.message)} />
          </p>
          {properties.evidence && properties.evidence.length > 0 && (
            <ul className={styles.lines} aria-label={t("vm.findingEvidence")}>
              {properties.evidence.map((line) => (
                <li key={line.offset}>
                  <Button
                    size="small"
                    appearance="subtle"
                    className={styles.line}
                    title={t("vm.findingGoTo", { offset: line.offset })}
                    onClick={() => onEvidence(line.offset)}
                  >
                    {line.text}
                  </Button>
                </li>
              ))}
            </ul>
          )}
          {properties.cause && (
            <p className={styles.text}>
              <strong>{t("common.cause")}: </strong>
              <Prose text={localTimes(properties.cause)} />
            </p>
          )}
          {properties.remedy.length > 0 && (
            <div>
              <strong>{t("common.whatToDo")}:</strong>
              <ul className={styles.remedy}>
                {properties.remedy.map((step) => (
                  <li key={step}>
                    <Prose text={step} />
                  </li>
                ))}
              </ul>
            </div>
          )}
        </li>
      ))}
    </ul>
  );
}
