import { Button, makeStyles, SearchBox, Text, tokens } from "@fluentui/react-components";
import { FilterDismissRegular } from "@fluentui/react-icons";
import { type ReactNode, useDeferredValue, useMemo } from "react";
import { Empty, type Polled } from "../../components";
import { t } from "../../text";
import { mentions, readListView, writeListView } from "./listView";
import { Pager } from "./Pager";
import { PollState } from "./PollState";
import { pageOf, pages } from "./paging";
import { useInAddress } from "./useInAddress";

interface Props<T> {
  items: readonly T[];
  /** What the search looks in. */
  words: (item: T) => string;
  /** The search field's name. */
  search: string;
  polled: Polled<unknown>;
  /** In place of a list without anything. */
  empty: ReactNode;
  /** The table of a page. */
  children: (rows: readonly T[]) => ReactNode;
}

const useStyles = makeStyles({
  root: { display: "grid", gridTemplateColumns: "minmax(0, 1fr)", rowGap: tokens.spacingVerticalM },
  line: {
    display: "flex",
    flexWrap: "wrap",
    alignItems: "baseline",
    columnGap: tokens.spacingHorizontalM,
    color: tokens.colorNeutralForeground2,
  },
  search: { maxWidth: "28rem" },
});

/** A list that can be searched, page by page; both are kept in the address. */
export function Listing<T>({ items, words, search, polled, empty, children }: Props<T>): ReactNode {
  const styles = useStyles();
  const [view, change] = useInAddress(readListView, writeListView);
  const settled = useDeferredValue(view);
  const found = useMemo(
    () => items.filter((item) => mentions(words(item), settled.text)),
    [items, words, settled.text],
  );
  if (items.length === 0) return empty;
  const { rows, page } = pageOf(found, settled);
  return (
    <div className={styles.root}>
      <search>
        <SearchBox
          className={styles.search}
          placeholder={search}
          aria-label={search}
          dismiss={{ "aria-label": t("common.clearSearch") }}
          value={view.text}
          onChange={(_, data) => change({ text: data.value })}
        />
      </search>
      <div className={styles.line}>
        <Text aria-live="polite">
          {found.length === items.length
            ? t("common.entries", { count: items.length })
            : t("common.entriesOf", { shown: found.length, count: items.length })}
        </Text>
        <PollState polled={polled} />
      </div>
      {found.length > 0 ? (
        children(rows)
      ) : (
        <Empty
          title={t("common.noMatch")}
          icon={<FilterDismissRegular />}
          action={
            <Button appearance="primary" onClick={() => change({ text: "" })}>
              {t("common.clearSearch")}
            </Button>
          }
        />
      )}
      <Pager page={page} pages={pages(found.length)} onPage={(to) => change({ page: to })} />
    </div>
  );
}
