import {
  Dialog,
  DialogBody,
  DialogSurface,
  makeStyles,
  mergeClasses,
  SearchBox,
  Spinner,
  tokens,
} from "@fluentui/react-components";
import {
  DesktopRegular,
  DocumentRegular,
  FlashRegular,
  ServerRegular,
  WindowConsoleRegular,
} from "@fluentui/react-icons";
import { type KeyboardEvent, type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { useAuth } from "../../auth";
import { ErrorView, usePoll } from "../../components";
import { useStore } from "../../store";
import { t } from "../../text";
import { commands } from "../commands";
import { entriesOf } from "./entries";
import { findAll } from "./found";
import { type Entry, rank } from "./rank";
import { recentOf, remember } from "./recent";

const ICONS: Readonly<Record<Entry["kind"], ReactNode>> = {
  machine: <DesktopRegular />,
  console: <WindowConsoleRegular />,
  host: <ServerRegular />,
  page: <DocumentRegular />,
  command: <FlashRegular />,
};
const NOTHING = { machines: [], hosts: [] };
const LIST = "search-results";

const useStyles = makeStyles({
  surface: {
    marginTop: "8vh",
    padding: tokens.spacingHorizontalM,
    maxWidth: "min(40rem, calc(100vw - 16px))",
  },
  body: { display: "block" },
  box: { width: "100%", maxWidth: "none" },
  list: { margin: 0, marginTop: tokens.spacingVerticalS, padding: 0, maxHeight: "55vh", overflowY: "auto" },
  item: {
    display: "flex",
    alignItems: "center",
    columnGap: tokens.spacingHorizontalM,
    padding: `${tokens.spacingVerticalSNudge} ${tokens.spacingHorizontalS}`,
    borderRadius: tokens.borderRadiusMedium,
    cursor: "pointer",
  },
  chosen: { backgroundColor: tokens.colorNeutralBackground1Selected },
  icon: { display: "inline-flex", fontSize: "1.25rem", color: tokens.colorNeutralForeground2 },
  title: { flex: "0 1 auto", overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap" },
  hint: {
    flex: "1 1 0",
    minWidth: 0,
    textAlign: "end",
    color: tokens.colorNeutralForeground2,
    fontSize: tokens.fontSizeBase200,
    overflow: "hidden",
    textOverflow: "ellipsis",
    whiteSpace: "nowrap",
  },
  foot: { margin: 0, paddingTop: tokens.spacingVerticalS, color: tokens.colorNeutralForeground2 },
});

/** The search over machines, pages and commands: arrows choose, Enter goes, Escape leaves. */
export default function Palette({ onClose }: { onClose: () => void }): ReactNode {
  const styles = useStyles();
  const navigate = useNavigate();
  const who = useAuth().user.objectId;
  const known = useStore(commands);
  const { data, error, loading, refresh } = usePoll(findAll, 0);
  const [query, setQuery] = useState("");
  const [chosen, setChosen] = useState(0);
  const recent = useMemo(() => recentOf(who), [who]);

  const entries = useMemo(
    () => entriesOf(data ?? NOTHING, known, (path) => void navigate(path)),
    [data, known, navigate],
  );
  const found = useMemo(() => rank(query, entries, recent), [query, entries, recent]);
  const at = Math.min(chosen, found.length - 1);

  const go = useCallback(
    (entry: Entry) => {
      remember(who, entry.id);
      onClose();
      entry.run();
    },
    [who, onClose],
  );

  function onKeyDown(event: KeyboardEvent): void {
    const entry = found[at];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (found.length > 0) setChosen((at + step + found.length) % found.length);
    } else if (event.key === "Enter" && entry && !event.nativeEvent.isComposing) {
      go(entry);
    } else {
      return;
    }
    event.preventDefault();
  }

  return (
    <Dialog open onOpenChange={(_, change) => !change.open && onClose()}>
      <DialogSurface className={styles.surface} aria-label={t("frame.search")}>
        <DialogBody className={styles.body}>
          <SearchBox
            className={styles.box}
            size="large"
            autoFocus
            value={query}
            placeholder={t("frame.searchHint")}
            dismiss={{ "aria-label": t("common.clearSearch") }}
            onChange={(_, change) => {
              setQuery(change.value);
              setChosen(0);
            }}
            input={{
              role: "combobox",
              "aria-label": t("frame.search"),
              "aria-expanded": true,
              "aria-controls": LIST,
              "aria-autocomplete": "list",
              "aria-activedescendant": found[at] ? optionId(at) : undefined,
              onKeyDown,
            }}
          />
          <div id={LIST} role="listbox" aria-label={t("frame.searchResults")} className={styles.list}>
            {found.map((entry, index) => (
              <Option
                key={entry.id}
                id={optionId(index)}
                entry={entry}
                chosen={index === at}
                onHover={() => setChosen(index)}
                onGo={() => go(entry)}
              />
            ))}
          </div>
          {error !== undefined && <ErrorView error={error} onRetry={() => void refresh()} />}
          <div className={styles.foot} role="status">
            {loading ? (
              <Spinner size="extra-tiny" labelPosition="after" label={t("frame.searching")} />
            ) : found.length === 0 ? (
              t("frame.searchNothing")
            ) : (
              t("frame.searchCount", { count: found.length })
            )}
          </div>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}

function Option(props: {
  id: string;
  entry: Entry;
  chosen: boolean;
  onHover: () => void;
  onGo: () => void;
}): ReactNode {
  const { id, entry, chosen, onHover, onGo } = props;
  const styles = useStyles();
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (chosen) place.current?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: keys are handled in the box, where the focus is
    // biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the box
    <div
      ref={place}
      id={id}
      role="option"
      aria-selected={chosen}
      className={mergeClasses(styles.item, chosen && styles.chosen)}
      onPointerMove={chosen ? undefined : onHover}
      onClick={onGo}
    >
      <span className={styles.icon} aria-hidden>
        {ICONS[entry.kind]}
      </span>
      <span className={styles.title}>{entry.title}</span>
      {entry.hint && <span className={styles.hint}>{entry.hint}</span>}
    </div>
  );
}

const optionId = (index: number): string => `${LIST}-${index}`;
