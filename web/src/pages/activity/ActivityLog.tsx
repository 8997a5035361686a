import {
  Button,
  Field,
  Menu,
  MenuButton,
  MenuItem,
  MenuList,
  MenuPopover,
  MenuTrigger,
  makeStyles,
  Select,
  Spinner,
  Text,
  tokens,
} from "@fluentui/react-components";
import { ArrowDownloadRegular, FilterDismissRegular, HistoryRegular } from "@fluentui/react-icons";
import { type ReactNode, useMemo, useState } from "react";
import { Empty, ErrorView } from "../../components";
import { t } from "../../text";
import { PollState } from "../shared/PollState";
import { saveAs } from "../shared/saveAs";
import { ActivityTable } from "./ActivityTable";
import { choose, type Deed, fold, SPANS, type Span, STATUSES } from "./deeds";
import { toCsv, toJson } from "./files";
import { useActivity } from "./useActivity";
import { statusWord } from "./words";

interface Props {
  /** `/subscriptions/ID`, or TENANT. */
  scope: string;
  /** Only what was done to this resource, or to what hangs on it. */
  resource?: string;
  /** Names of subscriptions and people by their id. */
  names: ReadonlyMap<string, string>;
  /** What a downloaded file is called after. */
  name: string;
  /** More to choose by, in front. */
  children?: ReactNode;
}

const useStyles = makeStyles({
  root: { display: "grid", rowGap: tokens.spacingVerticalM },
  filters: { display: "flex", flexWrap: "wrap", alignItems: "end", gap: tokens.spacingHorizontalM },
  field: { minWidth: "9rem" },
  line: {
    display: "flex",
    flexWrap: "wrap",
    columnGap: tokens.spacingHorizontalM,
    color: tokens.colorNeutralForeground2,
  },
  end: { marginInlineStart: "auto" },
  older: { display: "grid", justifyItems: "center", rowGap: tokens.spacingVerticalS },
});

export function ActivityLog({ scope, resource, names, name, children }: Props): ReactNode {
  const styles = useStyles();
  const [span, setSpan] = useState<Span>("week");
  const [status, setStatus] = useState("");
  const [caller, setCaller] = useState("");
  const { polled, events, older, busy, error } = useActivity(scope, span, resource);

  const deeds = useMemo(() => fold(events), [events]);
  const callers = useMemo(() => [...new Set(deeds.map((deed) => deed.caller))].sort(), [deeds]);
  const shown = useMemo(
    () => choose(deeds, { status: status ? [status] : [], caller: caller ? [caller] : [] }),
    [deeds, status, caller],
  );

  function clear(): void {
    setStatus("");
    setCaller("");
  }

  return (
    <div className={styles.root}>
      <search className={styles.filters}>
        {children}
        <Field label={t("activity.span")} className={styles.field}>
          <Select value={span} onChange={(_, data) => setSpan(data.value as Span)}>
            {(Object.keys(SPANS) as Span[]).map((each) => (
              <option key={each} value={each}>
                {spanWord(each)}
              </option>
            ))}
          </Select>
        </Field>
        <Field label={t("activity.status")} className={styles.field}>
          <Select value={status} onChange={(_, data) => setStatus(data.value)}>
            <option value="">{t("activity.anyStatus")}</option>
            {STATUSES.map((each) => (
              <option key={each} value={each}>
                {statusWord(each)}
              </option>
            ))}
          </Select>
        </Field>
        <Field label={t("activity.caller")} className={styles.field}>
          <Select value={caller} onChange={(_, data) => setCaller(data.value)}>
            <option value="">{t("activity.anyCaller")}</option>
            {callers.map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </Select>
        </Field>
        <div className={styles.end}>
          <Download deeds={shown} name={name} />
        </div>
      </search>
      {polled.error !== undefined && !polled.data && (
        <ErrorView error={polled.error} onRetry={() => void polled.refresh()} />
      )}
      {polled.loading && <Spinner label={t("activity.loading")} />}
      {polled.data && (
        <>
          <div className={styles.line}>
            <Text aria-live="polite">{countWords(shown.length, deeds.length, older !== undefined)}</Text>
            <PollState polled={polled} />
          </div>
          {shown.length > 0 && (
            <ActivityTable deeds={shown} withResource={resource === undefined} names={names} />
          )}
          {shown.length === 0 && deeds.length > 0 && (
            <Empty
              title={t("activity.noMatch")}
              icon={<FilterDismissRegular />}
              action={<Button onClick={clear}>{t("activity.clear")}</Button>}
            >
              {t("activity.noMatchHint")}
            </Empty>
          )}
          {deeds.length === 0 && (
            <Empty title={t("activity.empty")} icon={<HistoryRegular />}>
              {t("activity.emptyHint")}
            </Empty>
          )}
          <div className={styles.older}>
            {error !== undefined && <ErrorView error={error} />}
            {older && (
              <Button
                icon={busy ? <Spinner size="tiny" /> : null}
                disabledFocusable={busy}
                onClick={() => void older()}
              >
                {t("activity.older")}
              </Button>
            )}
          </div>
        </>
      )}
    </div>
  );
}

function countWords(shown: number, count: number, more: boolean): string {
  if (shown < count) return t("activity.shownOf", { shown, count });
  return more ? t("activity.loadedMore", { count }) : t("activity.loaded", { count });
}

function Download({ deeds, name }: { deeds: readonly Deed[]; name: string }): ReactNode {
  const file = (ending: string): string =>
    `${name}-activity-${new Date().toISOString().slice(0, 10)}.${ending}`;
  return (
    <Menu positioning="below-end">
      <MenuTrigger disableButtonEnhancement>
        <MenuButton
          icon={<ArrowDownloadRegular />}
          disabled={deeds.length === 0}
          title={t("activity.downloadHint")}
        >
          {t("activity.download")}
        </MenuButton>
      </MenuTrigger>
      <MenuPopover>
        <MenuList>
          <MenuItem onClick={() => saveAs(file("csv"), toCsv(deeds), "text/csv")}>
            {t("activity.downloadCsv")}
          </MenuItem>
          <MenuItem onClick={() => saveAs(file("json"), toJson(deeds), "application/json")}>
            {t("activity.downloadJson")}
          </MenuItem>
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}

function spanWord(span: Span): string {
  switch (span) {
    case "hour":
      return t("activity.hour");
    case "hours6":
      return t("activity.hours6");
    case "day":
      return t("activity.day");
    case "week":
      return t("activity.week");
    case "month":
      return t("activity.month");
    case "quarter":
      return t("activity.quarter");
  }
}
