import { Button, makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import { type ReactNode, useEffect, useState } from "react";
import { StatusBadge } from "../../components";
import { SimulatorLabel } from "../../pages/vms/SimulatorLabel";
import { useStore } from "../../store";
import { t } from "../../text";
import type { Said, Seat } from "../seat";
import { PasteProgress } from "./PasteProgress";
import { People } from "./People";
import { Shows } from "./Shows";
import { toneOf, wordOf } from "./states";
import { useSimulator } from "./useSimulator";

/** What was said is seen for so long; screen readers have it at once. */
const SHOWN_SECONDS = 8;

const useStyles = makeStyles({
  // One line whatever is said: the terminal above must not change its size for it.
  root: {
    display: "flex",
    alignItems: "center",
    columnGap: tokens.spacingHorizontalL,
    flexShrink: 0,
    height: "32px",
    paddingInline: tokens.spacingHorizontalS,
    overflow: "hidden",
    whiteSpace: "nowrap",
    fontSize: tokens.fontSizeBase200,
    color: tokens.colorNeutralForeground2,
    backgroundColor: tokens.colorNeutralBackground3,
  },
  said: {
    flex: "1 100 auto",
    minWidth: "6rem",
    overflow: "hidden",
    textOverflow: "ellipsis",
    color: tokens.colorNeutralForeground1,
    // On a phone in two small lines, and for as long as it is news in place of the rest.
    "@container (max-width: 640px)": {
      minWidth: 0,
      whiteSpace: "normal",
      fontSize: tokens.fontSizeBase100,
      lineHeight: tokens.lineHeightBase100,
      maxHeight: `calc(2 * ${tokens.lineHeightBase100})`,
    },
  },
  rest: { display: "contents" },
  people: { flex: "0 1 auto", overflow: "hidden", textOverflow: "ellipsis" },
  // What is always the same gives way to what is new, and both to the buttons of a paste.
  keys: { flex: "0 1000 auto", overflow: "hidden", textOverflow: "ellipsis" },
  wide: { "@container (max-width: 640px)": { display: "none" } },
});

/** Below the terminal: how it stands, who is there, what was just said, and the keys that are not the guest's. */
export function StatusLine({ seat }: { seat: Seat }): ReactNode {
  const styles = useStyles();
  const { status, writer, backlog, shows, paste } = useStore(seat.connection.store);
  const { rows, cols } = useStore(seat.size);
  const said = useRecent(useStore(seat.said));
  const simulator = useSimulator(seat.machine.id);
  const watching = status.kind === "attached" && status.mode === "observe";
  const pasting = paste?.state === "typing" || paste?.state === "paused";
  const rest = mergeClasses(styles.rest, (pasting || said !== "") && styles.wide);
  return (
    <div className={styles.root}>
      <span className={rest}>
        <StatusBadge tone={toneOf(status)}>{wordOf(status, seat.machine.name)}</StatusBadge>
        {simulator && <SimulatorLabel />}
        {watching && (
          <span className={styles.people}>
            {writer ? t("console.typing", { writer }) : t("console.nobodyTypes")}
          </span>
        )}
        {status.kind === "attached" && <Shows state={shows} />}
        <People seat={seat} />
      </span>
      {backlog > 0 && (
        <span>
          {t("console.pasting", { count: backlog })}{" "}
          <Button size="small" onClick={() => seat.stopPasting()}>
            {t("console.stopPasting")}
          </Button>
        </span>
      )}
      <PasteProgress seat={seat} />
      <span className={styles.said} role="status" title={said}>
        {said}
      </span>
      <span className={mergeClasses(styles.keys, styles.wide)}>
        {t("console.keys", { leave: t("console.keyLeave"), menu: t("console.keyMenu") })}
      </span>
      <span className={styles.wide} title={t("console.sizeHint", { rows, cols })}>
        {t("console.size", { rows, cols })}
      </span>
    </div>
  );
}

/** Text while it is news. */
function useRecent(said: Said): string {
  const [old, setOld] = useState<Said | null>(null);
  useEffect(() => {
    const timer = setTimeout(() => setOld(said), SHOWN_SECONDS * 1000);
    return () => clearTimeout(timer);
  }, [said]);
  return old === said ? "" : said.text;
}
