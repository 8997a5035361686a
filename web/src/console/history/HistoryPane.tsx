/** What the machine printed before, over the terminal: as far as its log reaches, while the console goes on below. */

import {
  Button,
  Input,
  makeStyles,
  Spinner,
  Switch,
  ToggleButton,
  Tooltip,
  tokens,
} from "@fluentui/react-components";
import {
  ChevronDownRegular,
  ChevronUpRegular,
  ClockRegular,
  CopyRegular,
  DismissRegular,
  PreviousRegular,
} from "@fluentui/react-icons";
import {
  type FormEvent,
  type KeyboardEvent,
  type ReactNode,
  useCallback,
  useMemo,
  useRef,
  useState,
} from "react";
import { ErrorView } from "../../components";
import { DownloadMenu } from "../../pages/vm/log/DownloadMenu";
import { wordsOf } from "../../pages/vm/log/exports";
import { markKey } from "../../pages/vm/log/LogLines";
import { useLog } from "../../pages/vm/log/useLog";
import { useSearch } from "../../pages/vm/log/useSearch";
import { t } from "../../text";
import type { Seat } from "../seat";
import { HistoryLines, type Mark, markedOf } from "./HistoryLines";

/** 16 MiB of log are some 200,000 lines; of these, so many are held, and the rest is fetched again. */
const READING = { lines: 1000, most: 50_000, colours: true };

const useStyles = makeStyles({
  root: { position: "absolute", inset: 0, zIndex: 2, display: "flex", flexDirection: "column" },
  bar: {
    display: "flex",
    flexWrap: "wrap",
    alignItems: "center",
    gap: tokens.spacingHorizontalXS,
    padding: `${tokens.spacingVerticalXXS} ${tokens.spacingHorizontalS}`,
    backgroundColor: tokens.colorNeutralBackground3,
    color: tokens.colorNeutralForeground1,
  },
  search: { display: "flex", alignItems: "center", gap: tokens.spacingHorizontalXS, flex: "1 1 12rem" },
  input: { flex: "1 1 8rem", minWidth: "6rem" },
  error: { backgroundColor: tokens.colorNeutralBackground1 },
  close: { marginInlineStart: "auto" },
});

interface Props {
  seat: Seat;
  /** Where to begin: the byte with which the terminal does; undefined for the end. */
  from: number | undefined;
  onClose: () => void;
}

export function HistoryPane({ seat, from, onClose }: Props): ReactNode {
  const styles = useStyles();
  const { id, name } = seat.machine;
  const begin = useRef(from);
  const log = useLog(id, begin.current, READING);
  const search = useSearch(id);
  const [times, setTimes] = useState(false);
  const [wanted, setWanted] = useState("");
  const [hit, setHit] = useState(-1);
  const [mark, setMark] = useState<Mark>();
  const top = useRef(0);
  const { view } = log;
  const hits = search.hits ?? [];
  const matches = useMemo(
    () => new Map((search.hits ?? []).map((line) => [markKey(line), line.matches ?? []])),
    [search.hits],
  );
  const onTop = useCallback((offset: number) => {
    top.current = offset;
  }, []);

  function find(event: FormEvent): void {
    event.preventDefault();
    if (search.hits !== undefined && search.progress === undefined && hit >= 0) go(1);
    else if (wanted) search.run(escaped(wanted), true);
  }

  function go(by: number): void {
    const next = hit < 0 && by < 0 ? hits.length - 1 : (hit + by + hits.length) % hits.length;
    const line = hits[next];
    if (!line) return;
    setHit(next);
    log.jump(line.offset);
  }

  const before = (view?.boots ?? [])
    .filter((boot) => boot.from < top.current && boot.end > (view?.start ?? 0))
    .at(-1);

  function previousBoot(): void {
    const boot = (view?.boots ?? [])
      .filter((each) => each.from < top.current && each.end > (view?.start ?? 0))
      .at(-1);
    if (boot) log.jump(Math.max(boot.from, view?.start ?? 0));
  }

  function copy(): void {
    const items = view?.items ?? [];
    const [low, high] = markedOf(items, mark);
    const chosen = high < low ? items : items.slice(low, high + 1);
    const lines = chosen.map((item) => (item.kind === "line" ? item.line.text : `* ${wordsOf(item)}`));
    void seat.copy(lines.join("\n"));
  }

  function press(event: KeyboardEvent): void {
    // A menu that is open over it has its own.
    if (event.key !== "Escape" || !event.currentTarget.contains(event.target as Node)) return;
    event.preventDefault();
    event.stopPropagation();
    onClose();
  }

  const searched = search.hits !== undefined && search.progress === undefined;
  return (
    <section className={styles.root} aria-label={t("console.history", { name })} onKeyDown={press}>
      <div className={styles.bar}>
        <form className={styles.search} onSubmit={find}>
          <Input
            className={styles.input}
            autoFocus
            size="small"
            value={wanted}
            maxLength={120}
            aria-label={t("console.historySearch")}
            placeholder={t("console.historySearch")}
            onChange={(_, data) => {
              setWanted(data.value);
              setHit(-1);
              search.clear();
            }}
          />
          <span role="status">
            {search.progress !== undefined && <Spinner size="tiny" aria-label={t("vm.logSearching")} />}
            {searched && t("console.historyFound", { count: hits.length })}
          </span>
          <Tool
            label={t("console.historyHitBefore")}
            icon={<ChevronUpRegular />}
            off={hits.length === 0}
            run={() => go(-1)}
          />
          <Tool
            label={t("console.historyHitNext")}
            icon={<ChevronDownRegular />}
            off={hits.length === 0}
            run={() => go(1)}
          />
        </form>
        <Tool
          label={t("console.historyBoot")}
          icon={<PreviousRegular />}
          off={view !== undefined && view.boots.length === 0 && before === undefined}
          run={previousBoot}
        />
        <ToggleButton
          size="small"
          appearance="subtle"
          icon={<ClockRegular />}
          checked={times}
          onClick={() => setTimes((now) => !now)}
        >
          {t("vm.logTimes")}
        </ToggleButton>
        <Switch
          label={t("console.historyFreeze")}
          checked={!log.following}
          onChange={(_, data) => log.follow(!data.checked)}
        />
        <Tool label={t("console.historyCopy")} icon={<CopyRegular />} run={copy} />
        <DownloadMenu id={id} name={name} />
        {log.busy && <Spinner size="tiny" aria-label={t("common.loading")} />}
        <Button className={styles.close} size="small" icon={<DismissRegular />} onClick={onClose}>
          {t("console.historyClose")}
        </Button>
      </div>
      {log.error !== undefined && (
        <div className={styles.error}>
          <ErrorView error={log.error} onRetry={() => log.follow(true)} />
        </div>
      )}
      {search.error !== undefined && (
        <div className={styles.error}>
          <ErrorView error={search.error} />
        </div>
      )}
      <HistoryLines
        log={log}
        label={t("vm.logRegion", { name })}
        times={times}
        matches={matches}
        mark={mark}
        onMark={setMark}
        onCopy={copy}
        onTop={onTop}
      />
    </section>
  );
}

interface ToolProps {
  label: string;
  icon: ReactNode & object;
  off?: boolean;
  run: () => void;
}

function Tool({ label, icon, off = false, run }: ToolProps): ReactNode {
  return (
    <Tooltip content={label} relationship="label">
      <Button size="small" appearance="subtle" icon={icon as never} disabledFocusable={off} onClick={run} />
    </Tooltip>
  );
}

/** Words, not an expression: the log's page has those. */
function escaped(text: string): string {
  return text.replaceAll(/[\\^$.|?*+()[\]{}]/g, "\\$&");
}
