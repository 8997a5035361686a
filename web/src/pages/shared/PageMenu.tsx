import { makeStyles, tokens } from "@fluentui/react-components";
import { type ReactNode, useId } from "react";
import { NavLink } from "react-router";

/** Below this width the menu lies above its pages. */
const NARROW = "@media (max-width: 899px)";

const useStyles = makeStyles({
  layout: {
    display: "grid",
    gridTemplateColumns: "200px minmax(0, 1fr)",
    gridTemplateRows: "minmax(0, 1fr)",
    columnGap: tokens.spacingHorizontalXL,
    flex: "1 1 0",
    minHeight: 0,
    [NARROW]: {
      gridTemplateColumns: "minmax(0, 1fr)",
      gridTemplateRows: "auto minmax(0, 1fr)",
      rowGap: tokens.spacingVerticalM,
    },
  },
  page: { display: "flex", flexDirection: "column", minWidth: 0, minHeight: 0 },
  root: {
    alignSelf: "start",
    maxHeight: "100%",
    overflowY: "auto",
    [NARROW]: { display: "flex", alignItems: "center", overflowX: "auto", overflowY: "hidden" },
  },
  heading: {
    margin: `${tokens.spacingVerticalM} 0 ${tokens.spacingVerticalXS}`,
    paddingInline: tokens.spacingHorizontalS,
    fontSize: tokens.fontSizeBase200,
    fontWeight: tokens.fontWeightSemibold,
    color: tokens.colorNeutralForeground3,
    // On a phone the links stand in one line, where a heading would read as one of them.
    [NARROW]: {
      position: "absolute",
      width: "1px",
      height: "1px",
      overflow: "hidden",
      clipPath: "inset(50%)",
    },
  },
  list: {
    display: "grid",
    rowGap: tokens.spacingVerticalXXS,
    margin: 0,
    padding: 0,
    listStyleType: "none",
    [NARROW]: { display: "flex" },
  },
  link: {
    display: "flex",
    alignItems: "center",
    columnGap: tokens.spacingHorizontalS,
    minHeight: "32px",
    paddingInline: tokens.spacingHorizontalS,
    borderRadius: tokens.borderRadiusMedium,
    color: tokens.colorNeutralForeground2,
    textDecorationLine: "none",
    whiteSpace: "nowrap",
    ":hover": { backgroundColor: tokens.colorSubtleBackgroundHover, color: tokens.colorNeutralForeground1 },
    ":focus-visible": { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: "-2px" },
    "&[aria-current='page']": {
      backgroundColor: tokens.colorSubtleBackgroundSelected,
      color: tokens.colorNeutralForeground1,
      fontWeight: tokens.fontWeightSemibold,
    },
    [NARROW]: { minHeight: "40px" },
  },
  icon: { display: "inline-flex", fontSize: "1.125rem" },
});

export interface MenuEntry {
  to: string;
  label: string;
  icon: ReactNode;
  /** Pages below it count as others. */
  end?: boolean;
}

export interface MenuPart {
  heading?: string;
  entries: readonly MenuEntry[];
}

/** A menu of its own beside the pages of one thing. */
export function PageMenu(props: {
  label: string;
  parts: readonly MenuPart[];
  children: ReactNode;
}): ReactNode {
  const { label, parts, children } = props;
  const styles = useStyles();
  return (
    <div className={styles.layout}>
      <nav className={styles.root} aria-label={label}>
        {parts.map((part) => (
          <Part key={part.entries[0]?.to} {...part} />
        ))}
      </nav>
      <div className={styles.page}>{children}</div>
    </div>
  );
}

function Part({ heading, entries }: MenuPart): ReactNode {
  const styles = useStyles();
  const id = useId();
  return (
    <>
      {heading && (
        <div id={id} className={styles.heading}>
          {heading}
        </div>
      )}
      <ul className={styles.list} aria-labelledby={heading && id}>
        {entries.map(({ to, label, icon, end = false }) => (
          <li key={to}>
            <NavLink end={end} to={to} className={styles.link}>
              <span className={styles.icon} aria-hidden>
                {icon}
              </span>
              {label}
            </NavLink>
          </li>
        ))}
      </ul>
    </>
  );
}
