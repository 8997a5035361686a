import { makeStyles, mergeClasses, Spinner, tokens } from "@fluentui/react-components";
import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { Outlet, useNavigation } from "react-router";
import { LaterExtra, LaterOver, Part } from "../components";
import { isOfThisPage, notices } from "../notices";
import { useStore } from "../store";
import { t } from "../text";
import { useLocale } from "../text/language";
import { useArrival } from "./arrival";
import { Breadcrumb } from "./Breadcrumb";
import { nameOf, useTrail } from "./crumbs";
import { useFrameCommands } from "./frameCommands";
import { useHotkeys } from "./keys";
import { OfflineBanner } from "./OfflineBanner";
import { prefetch } from "./prefetch";
import { SideMenu } from "./SideMenu";
import { TopBar } from "./TopBar";
import { useNarrow } from "./useNarrow";

const PALETTE = new Part(() => import("./search/Palette"));
const HELP = new Part(() => import("./HelpDialog"));
const TOASTS = new Part(() => import("./notifications/Toasts"));
const MENU = new Part(() => import("./MenuDrawer"));

const PLACE = "oob.menu";

const useStyles = makeStyles({
  root: {
    display: "grid",
    gridTemplateColumns: "minmax(0, 1fr)",
    gridTemplateRows: "auto auto minmax(0, 1fr)",
    height: "100%",
  },
  skip: {
    position: "absolute",
    zIndex: 10,
    top: "-60px",
    insetInlineStart: tokens.spacingHorizontalS,
    padding: tokens.spacingHorizontalM,
    backgroundColor: tokens.colorNeutralBackground1,
    color: tokens.colorBrandForegroundLink,
    borderRadius: tokens.borderRadiusMedium,
    ":focus": { top: tokens.spacingVerticalXS },
  },
  middle: { display: "flex", minHeight: 0 },
  menu: {
    flexShrink: 0,
    width: "220px",
    overflowY: "auto",
    borderRight: `1px solid ${tokens.colorNeutralStroke2}`,
    backgroundColor: tokens.colorNeutralBackground2,
  },
  small: { width: "56px" },
  main: {
    position: "relative",
    flex: "1 1 0",
    minWidth: 0,
    overflow: "auto",
    padding: `${tokens.spacingVerticalM} ${tokens.spacingHorizontalXXL} ${tokens.spacingVerticalXXL}`,
    backgroundColor: tokens.colorNeutralBackground1,
    outlineStyle: "none",
    "@media (max-width: 767px)": { paddingInline: tokens.spacingHorizontalM },
  },
  full: {
    display: "flex",
    flexDirection: "column",
    overflow: "hidden",
    paddingBottom: tokens.spacingVerticalM,
  },
  crumbs: { marginBottom: tokens.spacingVerticalS },
  loading: {
    position: "absolute",
    top: tokens.spacingVerticalM,
    insetInlineEnd: tokens.spacingHorizontalXXL,
  },
  said: { position: "absolute", width: "1px", height: "1px", overflow: "hidden", clipPath: "inset(50%)" },
});

/** The frame around every page: bar, menu, breadcrumb, search, notifications. */
export function Shell(): ReactNode {
  const styles = useStyles();
  const narrow = useNarrow();
  const [wide, setWide] = useState(() => sessionStorage.getItem(PLACE) !== "small");
  const [drawer, setDrawer] = useState(false);
  const [searching, setSearching] = useState(false);
  const [helping, setHelping] = useState(false);
  const main = useRef<HTMLElement>(null);
  const { crumbs, full } = useTrail();
  const edition = useEdition(full);
  const said = useArrival(nameOf(crumbs), main);
  // What says how something ended is fetched when the first thing is begun.
  const begun = useStore(notices.store).some(isOfThisPage);
  const moving = useNavigation().state === "loading";

  const onSearch = useCallback(() => setSearching(true), []);
  const onHelp = useCallback(() => setHelping(true), []);
  useHotkeys({ onSearch, onHelp });
  useFrameCommands(onHelp);

  useEffect(() => {
    const end = new AbortController();
    prefetch(end.signal);
    return () => end.abort();
  }, []);

  function onMenu(): void {
    if (narrow) {
      setDrawer((open) => !open);
      return;
    }
    sessionStorage.setItem(PLACE, wide ? "small" : "wide");
    setWide(!wide);
  }

  return (
    <div className={styles.root}>
      <button type="button" className={styles.skip} onClick={() => main.current?.focus()}>
        {t("frame.skip")}
      </button>
      <TopBar
        menuLabel={t(narrow ? "frame.openMenu" : wide ? "frame.collapseMenu" : "frame.expandMenu")}
        menuOpen={narrow ? drawer : wide}
        onMenu={onMenu}
        onSearch={onSearch}
        onHelp={onHelp}
      />
      <div>
        <OfflineBanner />
      </div>
      <div className={styles.middle}>
        {!narrow && (
          <div className={mergeClasses(styles.menu, !wide && styles.small)}>
            <SideMenu narrow={!wide} />
          </div>
        )}
        <main id="main" ref={main} tabIndex={-1} className={mergeClasses(styles.main, full && styles.full)}>
          <div className={styles.crumbs}>
            <Breadcrumb crumbs={crumbs} />
          </div>
          {moving && <Spinner className={styles.loading} size="tiny" aria-label={t("common.loading")} />}
          <Outlet key={edition} />
        </main>
      </div>
      <p className={styles.said} role="status">
        {said}
      </p>
      {begun && <LaterExtra part={TOASTS} />}
      {drawer && narrow && <LaterOver part={MENU} onClose={() => setDrawer(false)} />}
      {searching && <LaterOver part={PALETTE} onClose={() => setSearching(false)} />}
      {helping && <LaterOver part={HELP} onClose={() => setHelping(false)} />}
    </div>
  );
}

/**
 * Pages are made anew in another language. One that fills the window is not: it holds consoles, which would be cut off, and
 * follows the language by itself.
 */
function useEdition(full: boolean): number {
  const spoken = useLocale();
  const [drawn, setDrawn] = useState({ spoken, edition: 0 });
  if (drawn.spoken === spoken) return drawn.edition;
  const edition = drawn.edition + (full ? 0 : 1);
  setDrawn({ spoken, edition });
  return edition;
}
