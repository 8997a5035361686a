import { Button, makeStyles, tokens } from "@fluentui/react-components";
import { ChevronDownRegular, ChevronUpRegular } from "@fluentui/react-icons";
import { type ReactNode, useState } from "react";
import type { LogLine } from "../../../api/types";
import { t } from "../../../text";
import { Scroller } from "../../shared/Scroller";
import { Marked } from "./LogLines";

const useStyles = makeStyles({
  head: { display: "flex", flexWrap: "wrap", alignItems: "center", gap: tokens.spacingHorizontalS },
  box: {
    maxHeight: "12rem",
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusMedium,
  },
  list: { margin: 0, padding: 0, listStyle: "none" },
  hit: {
    display: "block",
    width: "100%",
    padding: `${tokens.spacingVerticalXXS} ${tokens.spacingHorizontalS}`,
    border: "none",
    backgroundColor: "transparent",
    color: tokens.colorNeutralForeground1,
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    textAlign: "start",
    whiteSpace: "pre-wrap",
    overflowWrap: "anywhere",
    cursor: "pointer",
    ":hover": { backgroundColor: tokens.colorNeutralBackground1Hover },
    ":focus-visible": { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: "-2px" },
  },
});

interface Props {
  hits: readonly LogLine[];
  cut: boolean;
  searching: boolean;
  onHit: (hit: LogLine) => void;
}

/** The lines that a search found; each leads to its place in the log. */
export function SearchHits({ hits, cut, searching, onHit }: Props): ReactNode {
  const styles = useStyles();
  const [at, setAt] = useState(-1);

  function go(to: number): void {
    const hit = hits[to];
    if (!hit) return;
    setAt(to);
    onHit(hit);
  }

  const count = t("vm.logHits", { count: hits.length });
  return (
    <div>
      <div className={styles.head}>
        <span role="status">
          {searching ? t("vm.logSearching") : cut ? t("vm.logHitsCut", { count: hits.length }) : count}
        </span>
        {hits.length > 0 && (
          <>
            <Button
              size="small"
              appearance="subtle"
              icon={<ChevronUpRegular />}
              disabledFocusable={at <= 0}
              onClick={() => go(at - 1)}
            >
              {t("vm.logHitBefore")}
            </Button>
            <Button
              size="small"
              appearance="subtle"
              icon={<ChevronDownRegular />}
              disabledFocusable={at >= hits.length - 1}
              onClick={() => go(at + 1)}
            >
              {t("vm.logHitNext")}
            </Button>
            {at >= 0 && <span>{t("vm.logHitAt", { at: at + 1, count: hits.length })}</span>}
          </>
        )}
      </div>
      {hits.length > 0 && (
        <Scroller className={styles.box} label={t("vm.logHitsRegion")}>
          <ol className={styles.list}>
            {hits.map((hit, place) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: several rows may have one offset.
              <li key={`${hit.offset} ${place}`}>
                <button
                  type="button"
                  className={styles.hit}
                  aria-current={place === at ? "true" : undefined}
                  onClick={() => go(place)}
                >
                  <Marked text={hit.text} matches={hit.matches} />
                </button>
              </li>
            ))}
          </ol>
        </Scroller>
      )}
    </div>
  );
}
