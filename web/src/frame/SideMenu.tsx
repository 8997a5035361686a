import { makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import {
  CodeRegular,
  DesktopMacRegular,
  DesktopRegular,
  HistoryRegular,
  KeyRegular,
  LayerDiagonalRegular,
  LightbulbRegular,
  PeopleRegular,
  ServerRegular,
  WindowConsoleRegular,
} from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { NavLink } from "react-router";
import { useIdentityRight } from "../pages/shared/useRights";
import { type Key, t } from "../text";

interface Entry {
  to: string;
  key: Key & `frame.${string}`;
  icon: ReactNode;
  /** Shown to those only who have a right there. */
  guarded?: boolean;
}

const SECTIONS: readonly (readonly Entry[])[] = [
  [
    { to: "/vms", key: "frame.virtualMachines", icon: <DesktopRegular /> },
    { to: "/scale-sets", key: "frame.scaleSets", icon: <LayerDiagonalRegular /> },
    { to: "/classic", key: "frame.classic", icon: <DesktopMacRegular /> },
    { to: "/console", key: "frame.serialConsoles", icon: <WindowConsoleRegular /> },
    { to: "/machines", key: "frame.machines", icon: <ServerRegular /> },
    { to: "/subscription", key: "frame.subscription", icon: <KeyRegular /> },
  ],
  [
    { to: "/activity", key: "frame.activityLog", icon: <HistoryRegular /> },
    { to: "/identity", key: "frame.identity", icon: <PeopleRegular />, guarded: true },
    { to: "/explain", key: "frame.explain", icon: <LightbulbRegular /> },
    { to: "/api", key: "frame.api", icon: <CodeRegular /> },
  ],
];

const useStyles = makeStyles({
  section: {
    display: "grid",
    rowGap: tokens.spacingVerticalXXS,
    margin: 0,
    padding: tokens.spacingHorizontalS,
    listStyleType: "none",
    borderBottom: `1px solid ${tokens.colorNeutralStroke3}`,
    ":last-child": { borderBottomStyle: "none" },
  },
  link: {
    display: "flex",
    alignItems: "center",
    columnGap: tokens.spacingHorizontalM,
    minHeight: "36px",
    paddingInline: tokens.spacingHorizontalS,
    borderRadius: tokens.borderRadiusMedium,
    color: tokens.colorNeutralForeground2,
    textDecorationLine: "none",
    whiteSpace: "nowrap",
    overflow: "hidden",
    ":hover": { backgroundColor: tokens.colorSubtleBackgroundHover, color: tokens.colorNeutralForeground1 },
    ":focus-visible": { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: "-2px" },
    "&[aria-current='page']": {
      backgroundColor: tokens.colorNeutralBackground1Selected,
      color: tokens.colorNeutralForeground1,
      fontWeight: tokens.fontWeightSemibold,
      boxShadow: `inset 3px 0 0 ${tokens.colorBrandForeground1}`,
    },
  },
  icon: { display: "inline-flex", flexShrink: 0, fontSize: "1.25rem" },
  small: { justifyContent: "center", paddingInline: 0 },
  hidden: { position: "absolute", width: "1px", height: "1px", overflow: "hidden", clipPath: "inset(50%)" },
});

/** `narrow`: icons only, the words for screen readers and as tooltips. `onGo`: a place was chosen. */
export function SideMenu({ narrow = false, onGo }: { narrow?: boolean; onGo?: () => void }): ReactNode {
  const styles = useStyles();
  const mayIdentity = useIdentityRight() === true;
  return (
    <nav aria-label={t("frame.navigation")}>
      {SECTIONS.map((entries) => (
        <ul key={entries[0]?.to} className={styles.section}>
          {entries.map(({ to, key, icon, guarded }) => {
            if (guarded && !mayIdentity) return null;
            const label = t(key);
            return (
              <li key={to}>
                <NavLink
                  to={to}
                  className={mergeClasses(styles.link, narrow && styles.small)}
                  title={narrow ? label : undefined}
                  onClick={() => onGo?.()}
                >
                  <span className={styles.icon} aria-hidden>
                    {icon}
                  </span>
                  <span className={narrow ? styles.hidden : undefined}>{label}</span>
                </NavLink>
              </li>
            );
          })}
        </ul>
      ))}
    </nav>
  );
}
