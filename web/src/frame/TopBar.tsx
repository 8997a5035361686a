import { makeStyles, tokens } from "@fluentui/react-components";
import { NavigationRegular, QuestionCircleRegular, SearchRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { t } from "../text";
import { AccountMenu } from "./AccountMenu";
import { BarButton } from "./BarButton";
import { LanguageMenu } from "./LanguageMenu";
import { Mark } from "./Mark";
import { Notifications } from "./notifications/Notifications";
import { ThemeMenu } from "./ThemeMenu";

export const NARROW = "@media (max-width: 767px)";

const useStyles = makeStyles({
  root: {
    display: "flex",
    alignItems: "center",
    columnGap: tokens.spacingHorizontalXS,
    height: "48px",
    paddingInline: tokens.spacingHorizontalXS,
    backgroundColor: "var(--bar-background)",
    color: "var(--bar-foreground)",
  },
  brand: {
    display: "inline-flex",
    alignItems: "center",
    columnGap: tokens.spacingHorizontalS,
    color: "inherit",
    textDecorationLine: "none",
    fontSize: tokens.fontSizeBase400,
    fontWeight: tokens.fontWeightSemibold,
    borderRadius: tokens.borderRadiusMedium,
    ":focus-visible": { outline: "2px solid var(--bar-foreground)", outlineOffset: "2px" },
  },
  word: { "@media (max-width: 479px)": { display: "none" } },
  middle: { flex: "1 1 0", display: "flex", justifyContent: "center", minWidth: 0 },
  search: {
    display: "flex",
    alignItems: "center",
    columnGap: tokens.spacingHorizontalS,
    flex: "0 1 32rem",
    minWidth: 0,
    height: "32px",
    marginInline: tokens.spacingHorizontalM,
    paddingInline: tokens.spacingHorizontalM,
    border: "1px solid var(--bar-line)",
    borderRadius: tokens.borderRadiusMedium,
    backgroundColor: "var(--bar-field)",
    color: "var(--bar-quiet)",
    font: "inherit",
    fontSize: tokens.fontSizeBase300,
    cursor: "text",
    overflow: "hidden",
    whiteSpace: "nowrap",
    ":hover": {
      borderTopColor: "var(--bar-quiet)",
      borderBottomColor: "var(--bar-quiet)",
      borderLeftColor: "var(--bar-quiet)",
      borderRightColor: "var(--bar-quiet)",
    },
    ":focus-visible": { outline: "2px solid var(--bar-foreground)", outlineOffset: "1px" },
    [NARROW]: { marginInline: tokens.spacingHorizontalXS },
  },
  hint: { flex: "1 1 0", minWidth: 0, textAlign: "start", overflow: "hidden", textOverflow: "ellipsis" },
  key: { fontSize: tokens.fontSizeBase200, [NARROW]: { display: "none" } },
  help: { [NARROW]: { display: "none" } },
});

interface Props {
  menuLabel: string;
  menuOpen: boolean;
  onMenu: () => void;
  onSearch: () => void;
  onHelp: () => void;
}

export function TopBar({ menuLabel, menuOpen, onMenu, onSearch, onHelp }: Props): ReactNode {
  const styles = useStyles();
  return (
    <header className={styles.root}>
      <BarButton
        aria-label={menuLabel}
        aria-expanded={menuOpen}
        icon={<NavigationRegular />}
        onClick={onMenu}
      />
      <Link to="/" className={styles.brand} aria-label={t("common.product")}>
        <Mark />
        <span className={styles.word}>{t("common.product")}</span>
      </Link>
      <div className={styles.middle}>
        <button type="button" className={styles.search} onClick={onSearch}>
          <SearchRegular fontSize={16} aria-hidden />
          <span className={styles.hint}>{t("frame.search")}</span>
          <span className={styles.key} aria-hidden>
            Ctrl K
          </span>
        </button>
      </div>
      <Notifications />
      <LanguageMenu />
      <ThemeMenu />
      <BarButton
        className={styles.help}
        aria-label={t("frame.help")}
        icon={<QuestionCircleRegular />}
        onClick={onHelp}
      />
      <AccountMenu />
    </header>
  );
}
