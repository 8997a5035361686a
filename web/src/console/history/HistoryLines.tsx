import { makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import {
  type KeyboardEvent,
  type MouseEvent,
  memo,
  type ReactNode,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { wordsOf } from "../../pages/vm/log/exports";
import { markKey } from "../../pages/vm/log/LogLines";
import type { Log } from "../../pages/vm/log/useLog";
import { type Item, lineAt } from "../../pages/vm/log/view";
import { clockTime, full, t } from "../../text";
import { LETTERS, PAPER, piecesOf, styleOf } from "./looks";
import { drawnOf, keptTop, ROW, wantedOf } from "./window";

/** Pixels from the end that still count as being there. */
const AT_END = 2 * ROW;
const NONE: readonly Item[] = [];

const useStyles = makeStyles({
  box: {
    flex: "1 1 0",
    minHeight: 0,
    overflow: "auto",
    overflowAnchor: "none",
    backgroundColor: PAPER,
    color: LETTERS,
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: "13px",
    ":focus-visible": { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: "-2px" },
  },
  // As wide as its longest line, so that a mark reaches over all of it.
  inner: { position: "relative", width: "max-content", minWidth: "100%" },
  row: {
    position: "absolute",
    insetInlineStart: 0,
    minWidth: "100%",
    height: `${ROW}px`,
    lineHeight: `${ROW}px`,
    paddingInline: tokens.spacingHorizontalS,
    boxSizing: "border-box",
    whiteSpace: "pre",
  },
  time: { marginInlineEnd: tokens.spacingHorizontalM, color: "#9fb8b4", userSelect: "none" },
  match: { backgroundColor: "#f2c744", color: "#111716" },
  marked: { backgroundColor: "#24476e" },
  cursor: { boxShadow: "inset 3px 0 0 #e0b84c" },
  record: { backgroundColor: "#23403c" },
  boot: { backgroundColor: "#1f3a5c" },
  gap: { backgroundColor: "#5c2b1f" },
});

/** From one line to another, by their keys; `cursor` is the one that moves. */
export interface Mark {
  anchor: string;
  cursor: string;
}

interface Props {
  log: Log;
  label: string;
  times: boolean;
  /** By `markKey` of their line. */
  matches: ReadonlyMap<string, readonly [number, number][]>;
  mark: Mark | undefined;
  onMark: (mark: Mark | undefined) => void;
  onCopy: () => void;
  /** The offset of the first line that is seen. */
  onTop: (offset: number) => void;
}

/** The lines, of which only those in sight are drawn; more are fetched before an edge is reached. */
export function HistoryLines(props: Props): ReactNode {
  const { log, label, times, matches, mark, onMark, onCopy, onTop } = props;
  const styles = useStyles();
  const box = useRef<HTMLDivElement>(null);
  const top = useRef<{ key: string; within: number }>(undefined);
  const jumped = useRef<object>(undefined);
  const [seen, setSeen] = useState({ top: 0, height: 600 });
  const { following, target } = log;
  const items = log.view?.items ?? NONE;

  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever there is something new.
  useLayoutEffect(() => {
    const place = box.current;
    if (!place) return;
    if (target && target !== jumped.current) {
      const at = items.findIndex((item) => item.key === lineAt(items, target.offset));
      if (at >= 0) {
        jumped.current = target;
        place.scrollTop = at * ROW - place.clientHeight / 2;
        onMark({ anchor: items[at]?.key ?? "", cursor: items[at]?.key ?? "" });
      }
    } else if (following) place.scrollTop = place.scrollHeight;
    else {
      const kept = keptTop(items, top.current);
      if (kept !== undefined && Math.abs(kept - place.scrollTop) > 1) place.scrollTop = kept;
    }
    look(place);
  }, [items, following, target]);

  function look(place: HTMLElement): void {
    const { scrollTop, clientHeight } = place;
    setSeen((now) =>
      now.top === scrollTop && now.height === clientHeight ? now : { top: scrollTop, height: clientHeight },
    );
    const first = Math.floor(scrollTop / ROW);
    const item = items[first];
    top.current = item && { key: item.key, within: scrollTop - first * ROW };
    const line = items.slice(first, first + 5).find((each) => each.kind === "line");
    if (line?.kind === "line") onTop(line.line.offset);
    if (!log.view || log.busy || following) return;
    const wanted = wantedOf(items.length, scrollTop, clientHeight);
    if (wanted === "earlier" && log.view.from > log.view.start) log.earlier();
    else if (
      wanted !== undefined &&
      log.view.more &&
      items.length * ROW - scrollTop < clientHeight + 200 * ROW
    )
      log.later();
  }

  function scrolled(): void {
    const place = box.current;
    if (!place) return;
    if (following && place.scrollHeight - place.clientHeight - place.scrollTop > AT_END) log.follow(false);
    look(place);
  }

  function move(rows: number, extend: boolean): void {
    const place = box.current;
    if (!place || items.length === 0) return;
    const now = mark ? items.findIndex((item) => item.key === mark.cursor) : -1;
    const from = now >= 0 ? now : Math.ceil((place.scrollTop + place.clientHeight) / ROW) - 1;
    const next = items[Math.max(0, Math.min(items.length - 1, from + rows))];
    if (!next) return;
    log.follow(false);
    onMark({ anchor: extend && mark ? mark.anchor : next.key, cursor: next.key });
    const y = items.indexOf(next) * ROW;
    if (y < place.scrollTop) place.scrollTop = y;
    else if (y + ROW > place.scrollTop + place.clientHeight) place.scrollTop = y + ROW - place.clientHeight;
  }

  function press(event: KeyboardEvent): void {
    const page = Math.max(1, Math.floor(seen.height / ROW) - 1);
    const rows: Readonly<Record<string, number>> = {
      ArrowUp: -1,
      ArrowDown: 1,
      PageUp: -page,
      PageDown: page,
      Home: -items.length,
      End: items.length,
    };
    const by = rows[event.key];
    const control = event.ctrlKey || event.metaKey;
    if (by !== undefined) move(by, event.shiftKey);
    else if (control && event.key === "c" && !window.getSelection()?.toString()) onCopy();
    else return;
    event.preventDefault();
  }

  function pointed(event: MouseEvent, key: string): void {
    onMark({ anchor: event.shiftKey && mark ? mark.anchor : key, cursor: key });
  }

  const { first, end } = drawnOf(items.length, seen.top, seen.height);
  const [low, high] = markedOf(items, mark);
  return (
    <div
      ref={box}
      className={styles.box}
      role="listbox"
      aria-label={label}
      aria-multiselectable
      aria-activedescendant={mark && high >= first && low < end ? rowId(mark.cursor) : undefined}
      tabIndex={0}
      onScroll={scrolled}
      onKeyDown={press}
    >
      <div className={styles.inner} role="presentation" style={{ height: items.length * ROW }}>
        {items.slice(first, end).map((item, number) => (
          <Row
            key={item.key}
            item={item}
            at={first + number}
            times={times}
            matches={item.kind === "line" ? matches.get(markKey(item.line)) : undefined}
            marked={first + number >= low && first + number <= high}
            cursor={mark?.cursor === item.key}
            onPoint={pointed}
          />
        ))}
      </div>
    </div>
  );
}

/** The first and the last row between the ends of a mark; none: the last is before the first. */
export function markedOf(items: readonly Item[], mark: Mark | undefined): [number, number] {
  if (!mark) return [0, -1];
  const ends = [mark.anchor, mark.cursor].map((key) => items.findIndex((item) => item.key === key));
  const low = Math.min(...ends);
  return low < 0 ? [0, -1] : [low, Math.max(...ends)];
}

interface RowProps {
  item: Item;
  at: number;
  times: boolean;
  matches: readonly [number, number][] | undefined;
  marked: boolean;
  cursor: boolean;
  onPoint: (event: MouseEvent, key: string) => void;
}

const Row = memo(
  function Row({ item, at, times, matches, marked, cursor, onPoint }: RowProps): ReactNode {
    const styles = useStyles();
    const kind = item.kind === "line" ? undefined : styles[item.kind];
    return (
      // biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/useFocusableInteractive: the list has the focus and the keys.
      <div
        id={rowId(item.key)}
        role="option"
        aria-label={item.kind === "line" && !item.line.text.trim() ? t("console.historyBlank") : undefined}
        aria-selected={marked}
        className={mergeClasses(styles.row, kind, marked && styles.marked, cursor && styles.cursor)}
        style={{ top: at * ROW }}
        onClick={(event) => onPoint(event, item.key)}
      >
        {item.kind === "line" ? (
          <>
            {times && (
              <time className={styles.time} dateTime={item.line.at} title={full(item.line.at)}>
                {clockTime(new Date(item.line.at))}
              </time>
            )}
            {piecesOf(item.line.text, item.line.looks, matches).map((piece, place) =>
              piece.matched ? (
                // biome-ignore lint/suspicious/noArrayIndexKey: a place in the line is all that a piece is known by.
                <mark key={place} className={styles.match}>
                  {piece.text}
                </mark>
              ) : (
                // biome-ignore lint/suspicious/noArrayIndexKey: as above.
                <span key={place} style={styleOf(piece.look)}>
                  {piece.text}
                </span>
              ),
            )}
          </>
        ) : (
          wordsOf(item)
        )}
      </div>
    );
  },
  (before, now) =>
    before.item === now.item &&
    before.at === now.at &&
    before.times === now.times &&
    before.matches === now.matches &&
    before.marked === now.marked &&
    before.cursor === now.cursor,
);

function rowId(key: string): string {
  return `history-${key.replaceAll(/[^\w-]+/g, "-")}`;
}
