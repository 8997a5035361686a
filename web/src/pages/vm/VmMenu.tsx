import { makeStyles, tokens } from "@fluentui/react-components";
import {
  ArrowCounterclockwiseRegular,
  DesktopRegular,
  HistoryRegular,
  PersonKeyRegular,
  PowerRegular,
  StethoscopeRegular,
  WindowConsoleRegular,
} from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { NavLink } from "react-router";
import { t } from "../../text";
import { type Place, vmPath } from "../shared/resourceId";

const NARROW = "@media (max-width: 899px)";

const useStyles = makeStyles({
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

interface Entry {
  page: string;
  label: string;
  icon: ReactNode;
}

/** The pages of one machine. */
export function VmMenu({ place }: { place: Place }): ReactNode {
  const styles = useStyles();
  const own: readonly Entry[] = [
    { page: "", label: t("vm.overview"), icon: <DesktopRegular /> },
    { page: "activity", label: t("vm.activity"), icon: <HistoryRegular /> },
    { page: "access", label: t("vm.access"), icon: <PersonKeyRegular /> },
  ];
  const support: readonly Entry[] = [
    { page: "console", label: t("vm.console"), icon: <WindowConsoleRegular /> },
    { page: "diagnostics", label: t("vm.diagnostics"), icon: <StethoscopeRegular /> },
    { page: "reset", label: t("vm.reset"), icon: <PowerRegular /> },
    { page: "restart", label: t("vm.restart"), icon: <ArrowCounterclockwiseRegular /> },
  ];
  return (
    <nav className={styles.root} aria-label={t("vm.menu", { name: place.name })}>
      <Entries place={place} entries={own} />
      <div id="support" className={styles.heading}>
        {t("vm.support")}
      </div>
      <Entries place={place} entries={support} labelledBy="support" />
    </nav>
  );
}

interface EntriesProps {
  place: Place;
  entries: readonly Entry[];
  labelledBy?: string;
}

function Entries({ place, entries, labelledBy }: EntriesProps): ReactNode {
  const styles = useStyles();
  return (
    <ul className={styles.list} aria-labelledby={labelledBy}>
      {entries.map(({ page, label, icon }) => (
        <li key={page}>
          <NavLink end to={vmPath(place, page)} className={styles.link}>
            <span className={styles.icon} aria-hidden>
              {icon}
            </span>
            {label}
          </NavLink>
        </li>
      ))}
    </ul>
  );
}
