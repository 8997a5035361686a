import { makeStyles, ProgressBar, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { Stages } from "../../components";
import { t } from "../../text";
import type { Progress } from "./useDeeds";

const useStyles = makeStyles({
  root: { display: "grid", rowGap: tokens.spacingVerticalS, maxWidth: "28rem" },
  text: { margin: 0 },
});

/** Phases of a move, as its operation calls them; two are one for whoever watches. */
const ORDER: readonly (readonly string[])[] = [
  ["stop"],
  ["send"],
  ["receive"],
  ["switch", "take"],
  ["start"],
  ["clear"],
];

/** How far a machine is on its way to another host. Nothing while that is not known. */
export function MoveProgress({ progress }: { progress: Progress }): ReactNode {
  const styles = useStyles();
  const { percent, phase } = progress;
  if (phase === undefined) return null;
  if (phase === "back") return <p className={styles.text}>{t("support.moveBack")}</p>;
  const at = ORDER.findIndex((names) => names.includes(phase));
  if (at < 0) return null;
  const words = [
    t("support.moveStop"),
    t("support.moveSend"),
    t("support.moveReceive"),
    t("support.moveSwitch"),
    t("support.moveStart"),
    t("support.moveClear"),
  ];
  return (
    <div className={styles.root}>
      {percent !== undefined && (
        <ProgressBar value={percent} max={100} aria-label={t("support.moveShare", { percent })} />
      )}
      <Stages stages={words} at={at} />
    </div>
  );
}
