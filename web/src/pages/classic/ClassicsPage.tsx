import { mergeClasses, Spinner } from "@fluentui/react-components";
import { DesktopMacRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { Empty, ErrorView, PageHeader, usePoll } from "../../components";
import { t } from "../../text";
import { Listing } from "../shared/Listing";
import { placeOf } from "../shared/resourceId";
import { useTableStyles } from "../shared/tableStyles";
import { type ClassicVm, classicPath, loadClassics } from "./classic";

const SECONDS = 10;
const words = (vm: ClassicVm): string => `${vm.name} ${placeOf(vm.id).group}`;

/** VMs as the first deployment model shows them. */
export default function ClassicsPage(): ReactNode {
  const polled = usePoll(loadClassics, SECONDS);
  const { data, error, loading, refresh } = polled;
  return (
    <>
      <PageHeader title={t("classic.title")} subtitle={t("classic.intro")} />
      {loading && <Spinner label={t("common.loading")} />}
      {error !== undefined && !data && <ErrorView error={error} onRetry={() => void refresh()} />}
      {data && (
        <Listing
          items={data}
          words={words}
          search={t("classic.search")}
          polled={polled}
          empty={
            <Empty title={t("classic.none")} icon={<DesktopMacRegular />}>
              {t("classic.noneHint")}
            </Empty>
          }
        >
          {(rows) => <Table vms={rows} />}
        </Listing>
      )}
    </>
  );
}

function Table({ vms }: { vms: readonly ClassicVm[] }): ReactNode {
  const table = useTableStyles();
  return (
    <div className={table.box}>
      <table className={table.table} aria-label={t("classic.title")}>
        <thead>
          <tr>
            <th scope="col" className={table.head}>
              {t("vms.columnName")}
            </th>
            <th scope="col" className={table.head}>
              {t("classic.state")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wide)}>
              {t("classic.service")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wide)}>
              {t("vm.group")}
            </th>
          </tr>
        </thead>
        <tbody>
          {vms.map((vm) => (
            <tr key={vm.id} className={table.row}>
              <th scope="row" className={mergeClasses(table.cell, table.name)}>
                <Link className={table.link} to={classicPath(placeOf(vm.id))}>
                  {vm.name}
                </Link>
              </th>
              <td className={table.cell}>{vm.properties.instanceView.status}</td>
              <td className={mergeClasses(table.cell, table.wide)}>{vm.properties.domainName.name}</td>
              <td className={mergeClasses(table.cell, table.wide)}>{placeOf(vm.id).group}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
