import {
  Button,
  Field,
  Input,
  makeStyles,
  ProgressBar,
  Spinner,
  Switch,
  tokens,
} from "@fluentui/react-components";
import { ChevronDownRegular, ChevronUpRegular, DismissRegular, SearchRegular } from "@fluentui/react-icons";
import { type FormEvent, type ReactNode, useMemo, useState } from "react";
import { ErrorView, StatusBadge } from "../../../components";
import { t } from "../../../text";
import { Card } from "../../shared/Card";
import { DownloadMenu } from "./DownloadMenu";
import { LogLines, markKey } from "./LogLines";
import { SearchHits } from "./SearchHits";
import type { Log } from "./useLog";
import { useSearch } from "./useSearch";

const useStyles = makeStyles({
  row: { display: "flex", flexWrap: "wrap", alignItems: "end", gap: tokens.spacingHorizontalM },
  search: {
    display: "flex",
    flexWrap: "wrap",
    alignItems: "end",
    gap: tokens.spacingHorizontalS,
    flexGrow: 1,
  },
  field: { flexGrow: 1, minWidth: "12rem", maxWidth: "28rem" },
  offset: { width: "9rem" },
  // Fluent gives inputs a least width that is more than this.
  number: { minWidth: 0, width: "100%" },
  note: { margin: 0, color: tokens.colorNeutralForeground2 },
});

interface Props {
  id: string;
  name: string;
  log: Log;
}

/** The log of a machine: its end as it comes, any other part, and a search through all of it. */
export function LogCard({ id, name, log }: Props): ReactNode {
  const styles = useStyles();
  const search = useSearch(id);
  const [times, setTimes] = useState(false);
  const [grep, setGrep] = useState("");
  const [exact, setExact] = useState(false);
  const [offset, setOffset] = useState("");
  const { view, following } = log;
  const matches = useMemo(
    () => new Map((search.hits ?? []).map((hit) => [markKey(hit), hit.matches ?? []])),
    [search.hits],
  );

  function find(event: FormEvent): void {
    event.preventDefault();
    if (grep) search.run(grep, !exact);
    else search.clear();
  }

  function goTo(event: FormEvent): void {
    event.preventDefault();
    const wanted = Number(offset);
    if (offset.trim() && Number.isSafeInteger(wanted) && wanted >= 0) log.jump(wanted);
  }

  const badOffset = offset.trim() !== "" && !/^\d{1,16}$/.test(offset.trim());
  return (
    <Card
      title={t("vm.log")}
      note={view && !view.live ? <StatusBadge tone="warning">{t("vm.logKept")}</StatusBadge> : undefined}
      actions={<DownloadMenu id={id} name={name} />}
    >
      <div className={styles.row}>
        <form className={styles.search} onSubmit={find} aria-label={t("vm.logSearch")}>
          <Field label={t("vm.logSearch")} className={styles.field}>
            <Input
              value={grep}
              maxLength={256}
              contentBefore={<SearchRegular />}
              placeholder={t("vm.logSearchHint")}
              onChange={(_, data) => setGrep(data.value)}
            />
          </Field>
          <Button type="submit">{t("vm.logSearchRun")}</Button>
          {(search.hits !== undefined || search.error !== undefined) && (
            <Button
              appearance="subtle"
              icon={<DismissRegular />}
              onClick={() => {
                setGrep("");
                search.clear();
              }}
            >
              {t("vm.logSearchClear")}
            </Button>
          )}
          <Switch label={t("vm.logExact")} checked={exact} onChange={(_, data) => setExact(data.checked)} />
        </form>
        <form className={styles.search} onSubmit={goTo}>
          <Field
            label={t("vm.logOffset")}
            className={styles.offset}
            {...(badOffset && { validationMessage: t("vm.logOffsetWrong") })}
          >
            <Input
              className={styles.number}
              inputMode="numeric"
              value={offset}
              onChange={(_, data) => setOffset(data.value)}
            />
          </Field>
          <Button type="submit">{t("vm.logOffsetGo")}</Button>
        </form>
      </div>
      {search.progress !== undefined && (
        <Field label={t("vm.logSearching")}>
          <ProgressBar value={search.progress} />
        </Field>
      )}
      {search.error !== undefined && <ErrorView error={search.error} />}
      {search.hits !== undefined && (
        <SearchHits
          hits={search.hits}
          cut={search.cut}
          searching={search.progress !== undefined}
          onHit={(hit) => log.jump(hit.offset)}
        />
      )}
      <div className={styles.row}>
        <Switch
          label={t("vm.logFollow")}
          checked={following}
          onChange={(_, data) => log.follow(data.checked)}
        />
        <Switch label={t("vm.logTimes")} checked={times} onChange={(_, data) => setTimes(data.checked)} />
        {view && view.from > view.start && (
          <Button icon={<ChevronUpRegular />} disabledFocusable={log.busy} onClick={log.earlier}>
            {t("vm.logEarlier")}
          </Button>
        )}
        {view && !following && view.more && (
          <Button icon={<ChevronDownRegular />} disabledFocusable={log.busy} onClick={log.later}>
            {t("vm.logLater")}
          </Button>
        )}
        {log.busy && <Spinner size="tiny" aria-label={t("common.loading")} />}
      </div>
      {log.error !== undefined && <ErrorView error={log.error} onRetry={() => log.follow(true)} />}
      {view && view.items.length === 0 && <p className={styles.note}>{t("vm.tailEmpty")}</p>}
      {view && view.items.length > 0 && (
        <LogLines
          view={view}
          name={name}
          following={following}
          times={times}
          matches={matches}
          target={log.target}
          onLeaveEnd={() => log.follow(false)}
        />
      )}
      {view && (
        <p className={styles.note}>{t("vm.logPlace", { from: view.from, next: view.next, end: view.end })}</p>
      )}
    </Card>
  );
}
