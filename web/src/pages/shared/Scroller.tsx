import { makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import type { ReactNode, Ref } from "react";

interface Props {
  label: string;
  className?: string | undefined;
  ref?: Ref<HTMLElement>;
  children: ReactNode;
}

const useStyles = makeStyles({
  root: {
    overflow: "auto",
    ":focus-visible": { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: "2px" },
  },
});

/** A part of the page that scrolls by itself, by the keyboard too. */
export function Scroller({ label, className, ref, children }: Props): ReactNode {
  const styles = useStyles();
  return (
    <section
      ref={ref}
      aria-label={label}
      className={mergeClasses(styles.root, className)}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard.
      tabIndex={0}
    >
      {children}
    </section>
  );
}
