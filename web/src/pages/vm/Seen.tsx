import { makeStyles, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import type { Machine } from "../vms/machine";
import { LastLines } from "./LastLines";
import { Screen } from "./Screen";

const useStyles = makeStyles({
  box: { containerType: "inline-size" },
  // Side by side where the lines still have room, which need more of it than the picture.
  pair: {
    display: "grid",
    gridTemplateColumns: "minmax(0, 2fr) minmax(0, 3fr)",
    gap: tokens.spacingHorizontalL,
    "@container (max-width: 699px)": { gridTemplateColumns: "minmax(0, 1fr)" },
  },
});

interface Props {
  machine: Machine;
  /** Why it may not be looked at; it may when absent. */
  why: string | undefined;
  /** Of the console, 1 to 200. */
  lines: number;
}

/** What can be seen of a machine now: its screen, and what it printed last. */
export function Seen({ machine, why, lines }: Props): ReactNode {
  const styles = useStyles();
  return (
    <div className={styles.box}>
      <div className={styles.pair}>
        <Screen machine={machine} why={why} />
        <LastLines machine={machine} why={why} lines={lines} />
      </div>
    </div>
  );
}
