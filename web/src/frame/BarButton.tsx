import { Button, type ButtonProps, makeStyles, mergeClasses } from "@fluentui/react-components";
import type { ReactNode, Ref } from "react";

const useStyles = makeStyles({
  root: {
    color: "var(--bar-foreground)",
    minWidth: "40px",
    height: "40px",
    ":hover": { color: "var(--bar-foreground)", backgroundColor: "var(--bar-hover)" },
    ":hover:active": { color: "var(--bar-foreground)", backgroundColor: "var(--bar-line)" },
    "& .fui-Button__icon": { color: "inherit" },
    ":focus-visible": { outline: "2px solid var(--bar-foreground)", outlineOffset: "-3px" },
  },
});

type Props = ButtonProps & { "aria-label": string; ref?: Ref<HTMLButtonElement> };

/** A button on the bar at the top; an icon, so that its label is said and shown as a tooltip. */
export function BarButton({ className, ref, ...rest }: Props): ReactNode {
  const styles = useStyles();
  return (
    <Button
      {...rest}
      // The type of Fluent's ref is that of a button and of a link at once, which nothing is.
      ref={ref as Ref<never>}
      appearance="transparent"
      title={rest["aria-label"]}
      className={mergeClasses(styles.root, className)}
    />
  );
}
