import { makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import { PersonRegular } from "@fluentui/react-icons";
import { memo, type ReactNode, type UIEvent, useEffect, useLayoutEffect, useRef } from "react";
import type { LogLine } from "../../../api/types";
import { clockTime, full, t } from "../../../text";
import { useLocale } from "../../../text/language";
import { Scroller } from "../../shared/Scroller";
import { type Item, type LogView, lineAt, parted } from "./view";

/** Pixels from the end that still count as being there. */
const NEAR = 24;

const useStyles = makeStyles({
  box: {
    height: "28rem",
    maxHeight: "70vh",
    padding: tokens.spacingHorizontalM,
    borderRadius: tokens.borderRadiusMedium,
    // As on a terminal, in both themes.
    backgroundColor: "#111716",
    color: "#dbe7e5",
    fontSize: tokens.fontSizeBase200,
    lineHeight: tokens.lineHeightBase200,
  },
  line: {
    display: "flex",
    columnGap: tokens.spacingHorizontalM,
    margin: 0,
    minHeight: tokens.lineHeightBase200,
    fontFamily: tokens.fontFamilyMonospace,
    whiteSpace: "pre-wrap",
    overflowWrap: "anywhere",
  },
  time: { flexShrink: 0, color: "#9fb8b4", userSelect: "none" },
  text: { minWidth: 0 },
  target: { backgroundColor: "#4a3b12", outline: "1px solid #e0b84c" },
  mark: { backgroundColor: "#f2c744", color: "#111716" },
  word: {
    display: "flex",
    alignItems: "start",
    columnGap: tokens.spacingHorizontalXS,
    margin: `${tokens.spacingVerticalXS} 0`,
    padding: `${tokens.spacingVerticalXXS} ${tokens.spacingHorizontalS}`,
    borderRadius: tokens.borderRadiusSmall,
    overflowWrap: "anywhere",
  },
  record: { backgroundColor: "#23403c" },
  boot: { backgroundColor: "#1f3a5c" },
  gap: { backgroundColor: "#5c2b1f" },
});

interface Props {
  view: LogView;
  name: string;
  following: boolean;
  times: boolean;
  /** Matches of a search, by `markKey` of their line. */
  matches: ReadonlyMap<string, readonly [number, number][]>;
  target: { offset: number } | undefined;
  /** The person scrolled away from the end. */
  onLeaveEnd: () => void;
}

/** The lines themselves: they scroll, and stay at the end while that is followed. */
export function LogLines({ view, name, following, times, matches, target, onLeaveEnd }: Props): ReactNode {
  const styles = useStyles();
  const box = useRef<HTMLElement>(null);
  const { items } = view;
  const wanted = target === undefined ? undefined : lineAt(items, target.offset);

  const top = useRef<string>(undefined);

  // Before the browser tells of any scrolling, or lines that came would look like a person who left the end.
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever there is something new.
  useLayoutEffect(() => {
    const place = box.current;
    if (!place) return;
    const first = items.find((item) => item.kind === "line")?.key;
    if (following) place.scrollTop = place.scrollHeight;
    else if (place.scrollTop === 0 && top.current && first !== top.current) {
      // Browsers keep the place of what is read by themselves, but not at the very top.
      const before = place.querySelector(`[data-key="${top.current}"]`);
      if (before) place.scrollTop = before.getBoundingClientRect().top - place.getBoundingClientRect().top;
    }
    top.current = first;
  }, [items, following, times]);

  useEffect(() => {
    if (target === undefined || wanted === undefined) return;
    const line = box.current?.querySelector(`[data-key="${wanted}"]`);
    line?.scrollIntoView({ block: "center" });
  }, [target, wanted]);

  function scrolled(event: UIEvent<HTMLElement>): void {
    const place = event.currentTarget;
    if (following && place.scrollHeight - place.clientHeight - place.scrollTop > 10 * NEAR) onLeaveEnd();
  }

  return (
    <div onScrollCapture={scrolled}>
      <Scroller ref={box} className={styles.box} label={t("vm.logRegion", { name })}>
        {items.map((item) => (
          <Shown
            key={item.key}
            item={item}
            times={times}
            marked={item.kind === "line" ? matches.get(markKey(item.line)) : undefined}
            target={item.key === wanted}
          />
        ))}
      </Scroller>
    </div>
  );
}

interface ShownProps {
  item: Item;
  times: boolean;
  marked: readonly [number, number][] | undefined;
  target: boolean;
}

const Shown = memo(function Shown({ item, times, marked, target }: ShownProps): ReactNode {
  const styles = useStyles();
  // Drawn anew in another language, though nothing else has changed.
  useLocale();
  switch (item.kind) {
    case "record":
      return (
        <p className={mergeClasses(styles.word, styles.record)}>
          <PersonRegular aria-label={t("vm.tailRecord")} />
          <span>
            <time dateTime={item.record.at}>{full(item.record.at)}</time> {item.record.text}
          </span>
        </p>
      );
    case "boot":
      return (
        <p className={mergeClasses(styles.word, styles.boot)}>
          {t("vm.logBootBegins", { number: item.boot.number, when: full(item.boot.at) })}
        </p>
      );
    case "gap":
      return <p className={mergeClasses(styles.word, styles.gap)}>{gapWords(item.gap.bytes)}</p>;
  }
  const { line } = item;
  const title =
    line.after === undefined
      ? t("vm.logLineTitle", { when: full(line.at), offset: line.offset })
      : t("vm.logLineTitleUnsure", { after: full(line.after), when: full(line.at), offset: line.offset });
  return (
    <p className={mergeClasses(styles.line, target && styles.target)} data-key={item.key} title={title}>
      {times && (
        <time className={styles.time} dateTime={line.at}>
          {clockTime(new Date(line.at))}
        </time>
      )}
      <span className={styles.text}>
        <Marked text={line.text} matches={marked} />
      </span>
    </p>
  );
});

/** A line that jumps about makes several rows of one offset, of which a search may have found only one. */
export function markKey(line: Pick<LogLine, "offset" | "text">): string {
  return `${line.offset} ${line.text}`;
}

/** A line's text with what was searched for. */
export function Marked({
  text,
  matches,
}: {
  text: string;
  matches: readonly [number, number][] | undefined;
}): ReactNode {
  const styles = useStyles();
  if (!matches || matches.length === 0) return text;
  return parted(text, matches).map((piece, place) =>
    place % 2 === 0 ? (
      piece
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: a place in the text is all that a match is known by.
      <mark key={place} className={styles.mark}>
        {piece}
      </mark>
    ),
  );
}

function gapWords(bytes: number): string {
  return bytes > 0 ? t("vm.logGapBytes", { count: bytes }) : t("vm.logGap");
}
