import { Button, mergeClasses, Spinner } from "@fluentui/react-components";
import { ArrowClockwiseRegular, LayerDiagonalRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { ScaleSet } from "../../api/types";
import { Empty, ErrorView, PageHeader, usePoll } from "../../components";
import { t } from "../../text";
import { CommandLine } from "../shared/CommandLine";
import { Listing } from "../shared/Listing";
import { NoSubscription } from "../shared/NoSubscription";
import { placeOf, setPath } from "../shared/resourceId";
import { useTableStyles } from "../shared/tableStyles";
import { Provisioning } from "../vm/Provisioning";
import { loadSets } from "./sets";

const SECONDS = 5;
const CREATE = "oob vmss create web --image demo --count 2";

const words = (set: ScaleSet): string => `${set.name} ${placeOf(set.id).group}`;

/** Scale sets: machines of one kind, as many as are asked for. */
export default function SetsPage(): ReactNode {
  const polled = usePoll(loadSets, SECONDS);
  const { data, error, loading, refresh } = polled;
  return (
    <>
      <PageHeader
        title={t("frame.scaleSets")}
        subtitle={t("scaleSets.intro")}
        actions={
          <Button icon={<ArrowClockwiseRegular />} onClick={() => void refresh()}>
            {t("common.refresh")}
          </Button>
        }
      />
      {loading && <Spinner label={t("common.loading")} />}
      {error !== undefined && !data && <ErrorView error={error} onRetry={() => void refresh()} />}
      {data && data.subscriptions.length === 0 && <NoSubscription />}
      {data && data.subscriptions.length > 0 && (
        <Listing
          items={data.sets}
          words={words}
          search={t("scaleSets.search")}
          polled={polled}
          empty={
            <Empty
              title={t("scaleSets.none")}
              icon={<LayerDiagonalRegular />}
              action={<CommandLine command={CREATE} />}
            >
              {t("scaleSets.noneHint")}
            </Empty>
          }
        >
          {(rows) => <Table sets={rows} />}
        </Listing>
      )}
    </>
  );
}

function Table({ sets }: { sets: readonly ScaleSet[] }): ReactNode {
  const table = useTableStyles();
  return (
    <div className={table.box}>
      <table className={table.table} aria-label={t("frame.scaleSets")}>
        <thead>
          <tr>
            <th scope="col" className={table.head}>
              {t("scaleSets.name")}
            </th>
            <th scope="col" className={table.head}>
              {t("scaleSets.instances")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wide)}>
              {t("scaleSets.updates")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wide)}>
              {t("vm.group")}
            </th>
            <th scope="col" className={table.head}>
              {t("vm.provisioning")}
            </th>
          </tr>
        </thead>
        <tbody>
          {sets.map((set) => (
            <Row key={set.id} set={set} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ set }: { set: ScaleSet }): ReactNode {
  const table = useTableStyles();
  const place = placeOf(set.id);
  return (
    <tr className={table.row}>
      <th scope="row" className={mergeClasses(table.cell, table.name)}>
        <Link className={table.link} to={setPath(place)}>
          {set.name}
        </Link>
        <span className={table.instead}>{place.group}</span>
      </th>
      <td className={table.cell}>{set.sku?.capacity ?? t("vm.notSaid")}</td>
      <td className={mergeClasses(table.cell, table.wide)}>
        {set.properties.upgradePolicy?.mode ?? t("vm.notSaid")}
      </td>
      <td className={mergeClasses(table.cell, table.wide)}>{place.group}</td>
      <td className={table.cell}>
        <Provisioning state={set.properties.provisioningState ?? ""} />
      </td>
    </tr>
  );
}
