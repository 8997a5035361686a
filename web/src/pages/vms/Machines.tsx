import { Button, makeStyles, Text, tokens } from "@fluentui/react-components";
import { FilterDismissRegular } from "@fluentui/react-icons";
import { type ReactNode, useCallback, useDeferredValue, useMemo, useState } from "react";
import { useNavigate } from "react-router";
import { Empty, ErrorView, type Polled } from "../../components";
import { useCommands } from "../../frame/commands";
import { t } from "../../text";
import { Pager } from "../shared/Pager";
import { PollState } from "../shared/PollState";
import { PAGE_SIZE, pageOf, pages } from "../shared/paging";
import { placeOf, vmPath } from "../shared/resourceId";
import { unnarrowed } from "../shared/tableView";
import { useInAddress } from "../shared/useInAddress";
import { FilterBar } from "./FilterBar";
import { MachineTable } from "./MachineTable";
import type { Machine } from "./machine";
import { type Asked, PowerQuestion } from "./PowerQuestion";
import { Report } from "./Report";
import type { RowActions } from "./RowMenu";
import { SelectionBar } from "./SelectionBar";
import { useBulk } from "./useBulk";
import type { Listing } from "./useMachines";
import { useObstacles } from "./useObstacles";
import { useSelection } from "./useSelection";
import { type Column, FACETS, narrow, order, readView, writeView } from "./view";

const useStyles = makeStyles({
  root: { display: "grid", rowGap: tokens.spacingVerticalM },
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

/** Machines to look through, choose from and act on: all there are, or those of one scale set. */
export function Machines({ listing, polled, empty }: Props): ReactNode {
  const { machines, subscriptions, failed } = listing;
  const styles = useStyles();
  const navigate = useNavigate();
  const [view, change] = useInAddress(readView, writeView);
  const [asked, setAsked] = useState<Asked>();
  const bulk = useBulk(polled.refresh);

  const names = useMemo(
    () => new Map(subscriptions.map((each) => [each.subscriptionId, each.displayName])),
    [subscriptions],
  );
  const settled = useDeferredValue(view);
  const found = useMemo(() => order(narrow(machines, settled), settled), [machines, settled]);
  const shown = useMemo(() => pageOf(found, settled), [found, settled]);
  const { selected, chosen, select, clear } = useSelection(found);
  const [lookedAt, look] = useState("");
  const closely = useMemo(
    () => [...chosen, ...found.filter((machine) => machine.key === lookedAt)],
    [chosen, found, lookedAt],
  );
  const obstacle = useObstacles(machines, closely);

  const begin = bulk.begin;
  const ask = useCallback(
    (action: Asked["action"], wanted: readonly Machine[]) => {
      const free = wanted.filter((machine) => obstacle(action, machine) === undefined);
      if (free.length === 0) return;
      // Starting costs nobody anything.
      if (action === "start") void begin(action, free);
      else setAsked({ action, machines: free, leftOut: wanted.length - free.length });
    },
    [obstacle, begin],
  );
  const actions = useMemo<RowActions>(
    () => ({
      obstacle,
      ask: (action, machine) => ask(action, [machine]),
      open: (machine, page) => void navigate(vmPath(placeOf(machine.id), page)),
    }),
    [obstacle, ask, navigate],
  );
  useCommands(
    useMemo(
      () => [{ id: "vms.refresh", title: t("vms.commandRefresh"), run: () => void polled.refresh() }],
      [polled.refresh],
    ),
  );

  const sortBy = useCallback((sort: Column, descending: boolean) => change({ sort, descending }), [change]);

  function openConsoles(): void {
    const open = chosen.filter((machine) => obstacle("connect", machine) === undefined);
    const [only] = open;
    if (only && open.length === 1) actions.open(only, "console");
    else void navigate(`/console?${new URLSearchParams(open.map((machine) => ["vm", machine.id]))}`);
  }

  return (
    <div className={styles.root}>
      {failed.map(({ subscription, error }) => (
        <div key={subscription.id}>
          <Text weight="semibold">{t("vms.partialIn", { subscription: subscription.displayName })}</Text>
          <ErrorView error={error} onRetry={() => void polled.refresh()} />
        </div>
      ))}
      {machines.length === 0 && failed.length === 0 ? (
        empty
      ) : (
        <>
          <FilterBar machines={machines} names={names} view={view} onChange={change} />
          <SelectionBar
            selected={chosen}
            busy={bulk.run !== undefined && bulk.run.failed === undefined}
            obstacle={obstacle}
            onAct={(action) => ask(action, chosen)}
            onConsoles={openConsoles}
            onClear={clear}
          />
          <Report bulk={bulk} />
          <div className={styles.line}>
            <Text aria-live="polite">
              {found.length === machines.length
                ? t("vms.count", { count: machines.length })
                : t("vms.countOf", { shown: found.length, count: machines.length })}
            </Text>
            <PollState polled={polled} />
          </div>
          {found.length > 0 ? (
            <MachineTable
              rows={shown.rows}
              before={shown.page * PAGE_SIZE}
              total={found.length}
              selected={selected}
              sort={settled.sort}
              descending={settled.descending}
              onSort={sortBy}
              onSelect={select}
              onLook={look}
              actions={actions}
            />
          ) : (
            <Empty
              title={t("vms.noMatch")}
              icon={<FilterDismissRegular />}
              action={
                <Button appearance="primary" onClick={() => change(unnarrowed(FACETS))}>
                  {t("vms.clearFilters")}
                </Button>
              }
            >
              {t("vms.noMatchHint", { count: machines.length })}
            </Empty>
          )}
          <Pager page={shown.page} pages={pages(found.length)} onPage={(page) => change({ page })} />
        </>
      )}
      <PowerQuestion
        asked={asked}
        onConfirm={({ action, machines: wanted }, reason) => void begin(action, wanted, reason)}
        onClose={() => setAsked(undefined)}
      />
    </div>
  );
}
