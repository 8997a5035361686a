import { Button, makeStyles, Text, tokens } from "@fluentui/react-components";
import { FilterDismissRegular } from "@fluentui/react-icons";
import { type ReactNode, useCallback, useDeferredValue, useMemo } from "react";
import { Empty, ErrorView, type Polled } from "../../components";
import { t } from "../../text";
import { FilterBar } from "../shared/FilterBar";
import { Pager } from "../shared/Pager";
import { PollState } from "../shared/PollState";
import { PAGE_SIZE, pageOf, pages } from "../shared/paging";
import { unnarrowed } from "../shared/tableView";
import { useInAddress } from "../shared/useInAddress";
import { ServerTable } from "./ServerTable";
import { isState, stateWord } from "./state";
import type { Listing } from "./useServers";
import { type Column, FACETS, type Facet, narrow, options, order, readView, writeView } from "./view";

const useStyles = makeStyles({
  root: { display: "grid", gridTemplateColumns: "minmax(0, 1fr)", rowGap: tokens.spacingVerticalM },
  line: {
    display: "flex",
    flexWrap: "wrap",
    alignItems: "baseline",
    columnGap: tokens.spacingHorizontalM,
    color: tokens.colorNeutralForeground2,
  },
});

interface Props {
  listing: Listing;
  polled: Polled<Listing>;
  /** In place of a list without anything. */
  empty: ReactNode;
}

/** Connected machines to look through. */
export function ServerList({ listing, polled, empty }: Props): ReactNode {
  const { servers, subscriptions, failed } = listing;
  const styles = useStyles();
  const [view, change] = useInAddress(readView, writeView);
  const names = useMemo(
    () => new Map(subscriptions.map((each) => [each.subscriptionId, each.displayName])),
    [subscriptions],
  );
  const settled = useDeferredValue(view);
  const found = useMemo(() => order(narrow(servers, settled), settled), [servers, settled]);
  const shown = useMemo(() => pageOf(found, settled), [found, settled]);
  const sortBy = useCallback((sort: Column, descending: boolean) => change({ sort, descending }), [change]);
  return (
    <div className={styles.root}>
      {failed.map(({ subscription, error }) => (
        <div key={subscription.id}>
          <Text weight="semibold">{t("vms.partialIn", { subscription: subscription.displayName })}</Text>
          <ErrorView error={error} onRetry={() => void polled.refresh()} />
        </div>
      ))}
      {servers.length === 0 && failed.length === 0 ? (
        empty
      ) : (
        <>
          <FilterBar
            label={t("machines.filter")}
            facets={FACETS.filter((facet) => facet !== "subscription" || names.size > 1)}
            view={view}
            word={facetWord}
            valueWord={(facet, value) => valueWord(facet, value, names)}
            options={(facet) => options(servers, facet, view)}
            onChange={change}
          />
          <div className={styles.line}>
            <Text aria-live="polite">
              {found.length === servers.length
                ? t("machines.count", { count: servers.length })
                : t("machines.countOf", { shown: found.length, count: servers.length })}
            </Text>
            <PollState polled={polled} />
          </div>
          {found.length > 0 ? (
            <ServerTable
              rows={shown.rows}
              before={shown.page * PAGE_SIZE}
              total={found.length}
              sort={settled.sort}
              descending={settled.descending}
              onSort={sortBy}
            />
          ) : (
            <Empty
              title={t("machines.noMatch")}
              icon={<FilterDismissRegular />}
              action={
                <Button appearance="primary" onClick={() => change(unnarrowed(FACETS))}>
                  {t("vms.clearFilters")}
                </Button>
              }
            />
          )}
          <Pager page={shown.page} pages={pages(found.length)} onPage={(page) => change({ page })} />
        </>
      )}
    </div>
  );
}

function facetWord(facet: Facet): string {
  switch (facet) {
    case "state":
      return t("machines.columnState");
    case "group":
      return t("machines.columnGroup");
    case "location":
      return t("machines.columnLocation");
    case "subscription":
      return t("vms.facetSubscription");
  }
}

function valueWord(facet: Facet, value: string, names: ReadonlyMap<string, string>): string {
  if (facet === "state") return isState(value) ? stateWord(value) : value;
  if (facet === "subscription") return names.get(value) ?? value;
  return value || t("machines.notSaid");
}
