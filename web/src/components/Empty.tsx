import { makeStyles, Subtitle1, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";

interface Props {
  title: string;
  icon?: ReactNode;
  /** How to get the first one. */
  children?: ReactNode;
  action?: ReactNode;
}

const useStyles = makeStyles({
  root: {
    display: "grid",
    justifyItems: "center",
    textAlign: "center",
    rowGap: tokens.spacingVerticalM,
    marginInline: "auto",
    maxWidth: "40rem",
    padding: `${tokens.spacingVerticalXXXL} ${tokens.spacingHorizontalL}`,
    color: tokens.colorNeutralForeground2,
  },
  icon: { fontSize: "2.5rem", lineHeight: 1, color: tokens.colorBrandForeground1 },
  title: { margin: 0 },
  text: { display: "grid", rowGap: tokens.spacingVerticalS },
});

/** In place of a list that has nothing: says why, and how to get the first one. */
export function Empty({ title, icon, children, action }: Props): ReactNode {
  const styles = useStyles();
  return (
    <div className={styles.root}>
      {icon && (
        <span className={styles.icon} aria-hidden>
          {icon}
        </span>
      )}
      <Subtitle1 as="h2" className={styles.title}>
        {title}
      </Subtitle1>
      {children && <div className={styles.text}>{children}</div>}
      {action}
    </div>
  );
}
