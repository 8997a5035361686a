import { Button, makeStyles, ProgressBar, tokens } from "@fluentui/react-components";
import { type ReactNode, useEffect } from "react";
import { useStore } from "../../store";
import { t } from "../../text";
import type { Progress } from "../protocol/pasting";
import type { Seat } from "../seat";

const useStyles = makeStyles({
  root: { display: "flex", alignItems: "center", columnGap: tokens.spacingHorizontalS, flexShrink: 0 },
  bar: { width: "80px" },
});

/** How far the agent is with a paste, with a button to pause and one to stop; its end is said. */
export function PasteProgress({ seat }: { seat: Seat }): ReactNode {
  const styles = useStyles();
  const { paste } = useStore(seat.connection.store);
  const over = paste !== null && (paste.state === "done" || paste.state === "ended") ? paste : null;
  useEffect(() => {
    if (over) seat.say(endOf(over));
  }, [seat, over]);
  if (paste === null || over) return null;
  const { connection } = seat;
  const paused = paste.state === "paused";
  return (
    <span className={styles.root}>
      <span>{wordsOf(paste)}</span>
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

function wordsOf(paste: Progress): string {
  const percent = Math.floor((100 * paste.typed) / Math.max(paste.size, 1));
  if (paste.state !== "paused") {
    return t(paste.echo ? "console.pasteProgress" : "console.pasteNoEcho", { percent });
  }
  const why =
    paste.why === "quiet"
      ? t("console.pasteQuiet")
      : paste.why === "lineTooLong"
        ? t("console.pasteLong")
        : paste.why === "notTaken"
          ? t("console.pasteNotTaken")
          : null;
  const paused = t("console.pastePaused", { percent });
  return why === null ? paused : `${paused}: ${why}`;
}

function endOf(paste: Progress): string {
  if (paste.state === "ended") return t("console.pasteEnded", { count: paste.typed });
  if (paste.verdict === "echoed") return t("console.pasteEchoed");
  if (paste.verdict === "differs") return t("console.pasteDiffers", { at: paste.at ?? 0 });
  return t("console.pasteNotEchoed");
}
