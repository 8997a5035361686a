import { Button, makeStyles, ProgressBar, tokens } from "@fluentui/react-components";
import { type ReactNode, useEffect } from "react";
import { useStore } from "../../store";
import { t } from "../../text";
import { endWords, progressWords } from "../pasteWords";
import type { Seat } from "../seat";

const useStyles = makeStyles({
  root: {
    display: "flex",
    alignItems: "center",
    columnGap: tokens.spacingHorizontalS,
    minWidth: 0,
    "& > button": { flexShrink: 0 },
  },
  bar: { width: "80px", flexShrink: 0, "@container (max-width: 640px)": { width: "48px" } },
  // Why it rests may be a long word.
  words: { overflow: "hidden", textOverflow: "ellipsis" },
});

/** How far the agent is with a paste, with a button to pause and one to stop; its end is said. */
export function PasteProgress({ seat }: { seat: Seat }): ReactNode {
  const styles = useStyles();
  const { paste } = useStore(seat.connection.store);
  const over = paste !== null && (paste.state === "done" || paste.state === "ended") ? paste : null;
  useEffect(() => {
    if (over) seat.say(endWords(over));
  }, [seat, over]);
  if (paste === null || over) return null;
  const { connection } = seat;
  const paused = paste.state === "paused";
  return (
    <span className={styles.root}>
      <span className={styles.words}>{progressWords(paste)}</span>
      <ProgressBar
        className={styles.bar}
        aria-label={t("console.pasteBar")}
        value={paste.typed}
        max={paste.size}
      />
      <Button size="small" onClick={() => connection.controlPaste(paused ? "resume" : "pause")}>
        {t(paused ? "console.pasteResume" : "console.pastePause")}
      </Button>
      <Button size="small" onClick={() => connection.controlPaste("abort")}>
        {t("console.pasteAbort")}
      </Button>
    </span>
  );
}
