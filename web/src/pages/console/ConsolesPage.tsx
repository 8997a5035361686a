/** Several consoles at once, behind tabs or side by side; or one of them in a window of its own. */

import {
  Button,
  makeStyles,
  mergeClasses,
  Tab,
  TabList,
  ToggleButton,
  tokens,
} from "@fluentui/react-components";
import {
  DismissRegular,
  GridRegular,
  KeyboardRegular,
  TabDesktopMultipleRegular,
  WindowConsoleRegular,
} from "@fluentui/react-icons";
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Link, useSearchParams } from "react-router";
import { Empty, PageHeader } from "../../components";
import { BroadcastPanel } from "../../console/broadcast/BroadcastPanel";
import { ConsolePane } from "../../console/ConsolePane";
import { CautionGate } from "../../console/pane/CautionGate";
import type { Seat } from "../../console/seat";
import { t } from "../../text";
import { useLocale } from "../../text/language";
import { ownerPath, placeOf } from "../shared/resourceId";
import { AddConsole } from "./AddConsole";
import { type Layout, MOST, type Opened, openedOf, searchOf, withoutVm, withVm } from "./opened";

const useStyles = makeStyles({
  root: { display: "flex", flexDirection: "column", flex: "1 1 0", minHeight: 0 },
  bar: {
    display: "flex",
    flexWrap: "wrap",
    alignItems: "center",
    gap: tokens.spacingHorizontalXS,
    marginBottom: tokens.spacingVerticalXS,
  },
  layout: { margin: 0, padding: 0, border: "none" },
  tabs: { flex: "1 1 auto", minWidth: 0, overflowX: "auto" },
  state: { color: tokens.colorNeutralForeground2, fontSize: tokens.fontSizeBase200 },
  panes: { flex: "1 1 0", minHeight: 0, display: "flex" },
  grid: {
    display: "grid",
    gridTemplateColumns: "repeat(auto-fit, minmax(min(100%, 460px), 1fr))",
    gridAutoRows: "minmax(320px, 1fr)",
    gap: tokens.spacingHorizontalS,
    overflow: "auto",
  },
  cell: { display: "flex", flexDirection: "column", flex: "1 1 0", minWidth: 0, minHeight: 0 },
  hidden: { display: "none" },
  link: { color: tokens.colorBrandForegroundLink },
  unseen: { position: "absolute", width: "1px", height: "1px", overflow: "hidden", clipPath: "inset(50%)" },
  head: {
    display: "flex",
    alignItems: "center",
    justifyContent: "space-between",
    columnGap: tokens.spacingHorizontalS,
  },
});

export default function ConsolesPage(): ReactNode {
  const styles = useStyles();
  useLocale();
  const [search, setSearch] = useSearchParams();
  const opened = useMemo(() => openedOf(search), [search]);
  const [seats, setSeats] = useState<Readonly<Record<string, Seat>>>({});
  const [many, setMany] = useState(false);
  const manyPlace = useRef<HTMLSpanElement>(null);
  const [states, setStates] = useState<Readonly<Record<string, string>>>({});
  const change = (next: Opened): void => setSearch(searchOf(next), { replace: true });
  const tell = useCallback((id: string, state: string) => setStates((all) => ({ ...all, [id]: state })), []);
  const seated = useCallback(
    (id: string, seat: Seat | null) =>
      setSeats(({ [id]: _, ...others }) => (seat === null ? others : { ...others, [id]: seat })),
    [],
  );
  const { vms, layout, at, alone } = opened;

  if (vms.length === 0) return <NothingOpen onAdd={(id) => change(withVm(opened, id))} />;
  return (
    <CautionGate>
      <div className={styles.root}>
        <h1 className={styles.unseen}>{t("console.pageTitle")}</h1>
        {!alone && (
          <Bar opened={opened} states={states} change={change}>
            {layout === "grid" && (
              <span ref={manyPlace}>
                <ToggleButton
                  size="small"
                  appearance="subtle"
                  icon={<KeyboardRegular />}
                  checked={many}
                  onClick={() => setMany((on) => !on)}
                >
                  {t("console.broadcast")}
                </ToggleButton>
              </span>
            )}
          </Bar>
        )}
        {many && layout === "grid" && (
          <BroadcastPanel
            seats={vms.flatMap((id) => seats[id] ?? [])}
            onClose={() => {
              setMany(false);
              manyPlace.current?.querySelector("button")?.focus();
            }}
          />
        )}
        <div className={mergeClasses(styles.panes, layout === "grid" && styles.grid)}>
          {vms.map((id, index) => (
            <Cell
              key={id}
              id={id}
              layout={layout}
              shown={layout === "grid" || index === at}
              front={index === at}
              alone={alone}
              onState={tell}
              onSeat={seated}
              onClose={() => change(withoutVm(opened, id))}
            />
          ))}
        </div>
      </div>
    </CautionGate>
  );
}

interface BarProps {
  opened: Opened;
  states: Readonly<Record<string, string>>;
  change: (next: Opened) => void;
  children: ReactNode;
}

function Bar({ opened, states, change, children }: BarProps): ReactNode {
  const styles = useStyles();
  const { vms, layout, at } = opened;
  const front = vms[at] ?? "";
  const lay = (next: Layout): void => change({ ...opened, layout: next });
  return (
    <div className={styles.bar}>
      {layout === "tabs" && (
        <TabList
          className={styles.tabs}
          size="small"
          aria-label={t("console.tabs")}
          selectedValue={at}
          onTabSelect={(_, data) => change({ ...opened, at: Number(data.value) })}
        >
          {vms.map((id, index) => (
            <Tab key={id} value={index} id={tabOf(id)} aria-controls={panelOf(id)}>
              {placeOf(id).name} <span className={styles.state}>{states[id]}</span>
            </Tab>
          ))}
        </TabList>
      )}
      {layout === "tabs" && <CloseButton id={front} onClose={() => change(withoutVm(opened, front))} />}
      {vms.length < MOST ? (
        <AddConsole open={vms} onAdd={(id) => change(withVm(opened, id))} />
      ) : (
        <span className={styles.state}>{t("console.tooMany", { count: MOST })}</span>
      )}
      <fieldset className={styles.layout} aria-label={t("console.layout")}>
        <ToggleButton
          size="small"
          appearance="subtle"
          icon={<TabDesktopMultipleRegular />}
          checked={layout === "tabs"}
          onClick={() => lay("tabs")}
        >
          {t("console.layoutTabs")}
        </ToggleButton>
        <ToggleButton
          size="small"
          appearance="subtle"
          icon={<GridRegular />}
          checked={layout === "grid"}
          onClick={() => lay("grid")}
        >
          {t("console.layoutGrid")}
        </ToggleButton>
      </fieldset>
      {children}
    </div>
  );
}

interface CellProps {
  id: string;
  layout: Layout;
  shown: boolean;
  front: boolean;
  alone: boolean;
  onState: (id: string, state: string) => void;
  onSeat: (id: string, seat: Seat | null) => void;
  onClose: () => void;
}

/** A console keeps its connection while another tab is in front, and when the layout changes. */
function Cell({ id, layout, shown, front, alone, onState, onSeat, onClose }: CellProps): ReactNode {
  const styles = useStyles();
  const place = placeOf(id);
  const onTitle = useCallback((state: string) => onState(id, state), [id, onState]);
  const onOwnSeat = useCallback((seat: Seat | null) => onSeat(id, seat), [id, onSeat]);
  useEffect(() => {
    if (!alone) return;
    // After the frame has named the page: in a window of its own the machine comes first.
    const timer = setTimeout(() => {
      document.title = `${place.name} - ${t("frame.serialConsole")}`;
    });
    return () => clearTimeout(timer);
  }, [alone, place.name]);
  const tabs = layout === "tabs";
  const named = tabs
    ? { role: "tabpanel", "aria-labelledby": tabOf(id) }
    : { role: "group", "aria-label": place.name };
  return (
    <div className={mergeClasses(styles.cell, !shown && styles.hidden)} id={panelOf(id)} {...named}>
      {!tabs && (
        <div className={styles.head}>
          <Name id={id} />
          <CloseButton id={id} onClose={onClose} />
        </div>
      )}
      <ConsolePane
        vmId={id}
        name={place.name}
        alone={alone}
        focus={front}
        onTitle={onTitle}
        onSeat={onOwnSeat}
      />
    </div>
  );
}

function Name({ id }: { id: string }): ReactNode {
  const styles = useStyles();
  const place = placeOf(id);
  return (
    <Link className={styles.link} to={ownerPath(id)}>
      {place.name}
    </Link>
  );
}

function CloseButton({ id, onClose }: { id: string; onClose: () => void }): ReactNode {
  const label = t("console.closeConsole", { name: placeOf(id).name });
  return (
    <Button
      size="small"
      appearance="subtle"
      icon={<DismissRegular />}
      aria-label={label}
      title={label}
      onClick={onClose}
    />
  );
}

function NothingOpen({ onAdd }: { onAdd: (id: string) => void }): ReactNode {
  const styles = useStyles();
  return (
    <>
      <PageHeader title={t("console.pageTitle")} />
      <Empty
        title={t("console.pageEmpty")}
        icon={<WindowConsoleRegular />}
        action={
          <>
            <AddConsole open={[]} onAdd={onAdd} />
            <Link className={styles.link} to="/vms">
              {t("console.pageEmptyAction")}
            </Link>
          </>
        }
      >
        {t("console.pageEmptyHint")}
      </Empty>
    </>
  );
}

function tabOf(id: string): string {
  return `tab-${encodeURIComponent(id)}`;
}

function panelOf(id: string): string {
  return `panel-${encodeURIComponent(id)}`;
}
