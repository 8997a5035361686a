import { makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import { type ReactNode, useMemo } from "react";
import type { Finding, LogBoot } from "../../../api/types";
import { full, t } from "../../../text";
import { Card } from "../../shared/Card";
import { type Bar, barsOf } from "./bars";

const useStyles = makeStyles({
  line: {
    display: "flex",
    alignItems: "end",
    columnGap: "2px",
    minHeight: "48px",
    padding: 0,
    margin: 0,
    listStyle: "none",
    borderBottom: `2px solid ${tokens.colorNeutralStroke1}`,
  },
  place: { display: "flex", alignItems: "end", minWidth: "14px" },
  bar: {
    width: "100%",
    minWidth: "14px",
    height: "40px",
    padding: 0,
    border: `1px solid ${tokens.colorNeutralStrokeAccessible}`,
    borderRadius: `${tokens.borderRadiusSmall} ${tokens.borderRadiusSmall} 0 0`,
    backgroundColor: tokens.colorPaletteGreenBackground2,
    color: tokens.colorNeutralForeground1,
    fontSize: tokens.fontSizeBase100,
    overflow: "hidden",
    cursor: "pointer",
    ":focus-visible": { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: "2px" },
    ":disabled": {
      cursor: "default",
      border: `1px dashed ${tokens.colorNeutralStrokeAccessible}`,
      backgroundColor: "transparent",
    },
  },
  crashed: {
    backgroundColor: tokens.colorPaletteRedBackground2,
    borderTop: `6px solid ${tokens.colorPaletteRedBorderActive}`,
  },
  warned: {
    backgroundColor: tokens.colorPaletteYellowBackground2,
    borderTop: `6px solid ${tokens.colorPaletteDarkOrangeBorderActive}`,
  },
  ends: {
    display: "flex",
    justifyContent: "space-between",
    columnGap: tokens.spacingHorizontalM,
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
  },
  note: { margin: 0, color: tokens.colorNeutralForeground2 },
});

interface Props {
  boots: readonly LogBoot[];
  /** Where what can still be read begins. */
  start: number;
  findings: readonly Finding[];
  onBoot: (boot: LogBoot) => void;
}

/** The boots of a machine as bars, as wide as they lasted; those that broke are told by colour, edge and word. */
export function TimeLine({ boots, start, findings, onBoot }: Props): ReactNode {
  const styles = useStyles();
  const bars = useMemo(() => barsOf(boots, findings, start), [boots, findings, start]);
  return (
    <Card title={t("vm.timeLine")} note={t("vm.timeLineNote", { count: boots.length })}>
      {bars.length === 0 ? (
        <p className={styles.note}>{t("vm.timeLineEmpty")}</p>
      ) : (
        <>
          <ol className={styles.line} aria-label={t("vm.timeLine")}>
            {bars.map((bar) => (
              <li key={bar.boot.number} className={styles.place} style={{ flex: `${bar.weight} 0 0` }}>
                <button
                  type="button"
                  className={mergeClasses(
                    styles.bar,
                    bar.worst === "error" && styles.crashed,
                    bar.worst === "warning" && styles.warned,
                  )}
                  disabled={bar.gone}
                  aria-label={wordsOf(bar)}
                  title={wordsOf(bar)}
                  onClick={() => onBoot(bar.boot)}
                >
                  {bar.boot.number}
                </button>
              </li>
            ))}
          </ol>
          <div className={styles.ends}>
            <span>{full(bars[0]?.boot.at ?? "")}</span>
            <span>{t("vm.timeLineNow")}</span>
          </div>
        </>
      )}
    </Card>
  );
}

function wordsOf(bar: Bar): string {
  const words = [
    t("vm.timeLineBoot", {
      number: bar.boot.number,
      at: full(bar.boot.at),
      last: full(bar.boot.last),
    }),
  ];
  words.push(...bar.titles);
  if (bar.gone) words.push(t("vm.timeLineGone"));
  return words.join(". ");
}
