import { makeStyles } from "@fluentui/react-components";
import type { ReactNode } from "react";

const useStyles = makeStyles({
  root: {
    display: "inline-flex",
    alignItems: "center",
    justifyContent: "center",
    // The button's own place for an icon is narrower.
    flexShrink: 0,
    width: "28px",
    height: "28px",
    borderRadius: "50%",
    backgroundColor: "var(--bar-badge)",
    color: "var(--bar-foreground)",
    fontSize: "12px",
    fontWeight: 600,
    lineHeight: 1,
  },
});

/** Who is signed in, as a round sign. */
export function Initials({ name }: { name: string }): ReactNode {
  const styles = useStyles();
  return (
    <span className={styles.root} aria-hidden>
      {initialsOf(name)}
    </span>
  );
}

/** The first letters of the first and the last word: "Ada Augusta King" is "AK". */
export function initialsOf(name: string): string {
  const words = name.split(/[\s@._-]+/u).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters.map((word) => [...(word ?? "?")][0]?.toLocaleUpperCase() ?? "").join("");
}
