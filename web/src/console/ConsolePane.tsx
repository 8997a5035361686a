/** A machine's serial console: connects by itself, and can be used with the keyboard alone. */

import { makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import { type ReactNode, useEffect, useRef } from "react";
import { t } from "../text";
import { useLocale } from "../text/language";
import { History } from "./history/History";
import { Banner } from "./pane/Banner";
import { Below } from "./pane/Below";
import { CautionGate } from "./pane/CautionGate";
import { Controls } from "./pane/Controls";
import { KeyBar } from "./pane/KeyBar";
import { SacBar } from "./pane/SacBar";
import { StatusLine } from "./pane/StatusLine";
import { wordOf } from "./pane/states";
import { useFilling } from "./pane/useFilling";
import { useSeat } from "./pane/useSeat";
import type { Mode } from "./protocol/session";
import type { Seat } from "./seat";
import { BACKGROUND } from "./terminal/options";

export interface ConsolePaneProps {
  /** Resource id of the VM. */
  vmId: string;
  name: string;
  /** Type, or only watch. */
  mode?: Mode;
  /** Fill the window: this console is alone in it. */
  alone?: boolean;
  /** Take the focus when it opens; one pane of a page. */
  focus?: boolean;
  /** Told of every change of state, in a word: for a tab or a window's title. */
  onTitle?: (title: string) => void;
  /** Told of the seat while there is one, and of its end with null. */
  onSeat?: (seat: Seat | null) => void;
}

/** Fluent's keyboard navigation (Tabster) takes Tab and Esc before anybody else, unless told that they are not its. */
const GUESTS_KEYS = JSON.stringify({ focusable: { ignoreKeydown: { Tab: true, Escape: true } } });

const useStyles = makeStyles({
  root: {
    display: "flex",
    flexDirection: "column",
    flex: "1 1 0",
    minHeight: "220px",
    minWidth: 0,
    overflow: "hidden",
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusMedium,
    containerType: "inline-size",
  },
  filling: { position: "fixed", inset: 0, zIndex: 50, border: "none", borderRadius: 0 },
  frame: {
    position: "relative",
    flex: "1 1 0",
    minHeight: 0,
    padding: "6px 0 2px 8px",
    backgroundColor: BACKGROUND,
  },
  // The layers of the terminal among themselves, all of them below what is laid over it.
  terminal: { isolation: "isolate", height: "100%", width: "100%" },
});

export function ConsolePane(props: ConsolePaneProps): ReactNode {
  return (
    <CautionGate>
      <Pane {...props} />
    </CautionGate>
  );
}

function Pane({
  vmId,
  name,
  mode = "write",
  alone = false,
  focus = true,
  onTitle,
  onSeat,
}: ConsolePaneProps): ReactNode {
  const styles = useStyles();
  const spoken = useLocale();
  const place = useRef<HTMLDivElement>(null);
  const seat = useSeat(place, vmId, name, mode);
  const filling = useFilling(alone);

  useEffect(() => {
    if (focus) seat?.screen.focus();
  }, [seat, focus]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the word is in the language that is spoken.
  useEffect(() => {
    if (!seat || !onTitle) return;
    const tell = (): void => onTitle(wordOf(seat.connection.store.get().status, name));
    tell();
    return seat.connection.store.subscribe(tell);
  }, [seat, onTitle, name, spoken]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the label is in the language that is spoken.
  useEffect(() => {
    if (seat) seat.screen.label = t("console.terminal", { name });
  }, [seat, name, spoken]);

  useEffect(() => {
    if (!seat || !onSeat) return;
    onSeat(seat);
    return () => onSeat(null);
  }, [seat, onSeat]);

  return (
    <section
      className={mergeClasses(styles.root, filling.filling && styles.filling)}
      aria-label={t("console.terminal", { name })}
    >
      {seat && <Controls seat={seat} filling={filling} alone={alone} />}
      {seat && <SacBar seat={seat} />}
      <div className={styles.frame} data-tabster={GUESTS_KEYS}>
        {seat && <Banner seat={seat} />}
        <div ref={place} className={styles.terminal} />
        {seat && <History seat={seat} />}
      </div>
      {seat && (
        <Below seat={seat}>
          <KeyBar seat={seat} />
          <StatusLine seat={seat} />
        </Below>
      )}
    </section>
  );
}
