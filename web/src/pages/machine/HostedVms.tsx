import { mergeClasses } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { StatusBadge } from "../../components";
import { t } from "../../text";
import type { Server } from "../machines/server";
import { useInstances } from "../scaleSets/useInstances";
import { Card } from "../shared/Card";
import { placeOf, vmPath } from "../shared/resourceId";
import { useTableStyles } from "../shared/tableStyles";
import { PortLabel, PowerLabel } from "../vms/Labels";
import { useMachines } from "../vms/useMachines";

/** More than this are looked at in the list of VMs. */
const MOST = 50;

/** The VMs that the machine hosts. Nothing for a server without a hypervisor. */
export function HostedVms({ server }: { server: Server }): ReactNode {
  const table = useTableStyles();
  const listing = useMachines().data;
  const instances = useInstances(listing?.subscriptions);
  if (!listing) return null;
  const found = [...listing.machines, ...(instances ?? [])].filter((vm) => vm.hostKey === server.key);
  const untold = (server.vms ?? 0) - found.length;
  if (found.length === 0 && untold <= 0) return null;
  const list = `/vms?${new URLSearchParams({ host: server.name })}`;
  return (
    <Card
      title={t("machine.hosts")}
      note={
        <Link className={table.link} to={list}>
          {t("machine.inList")}
        </Link>
      }
    >
      <div className={table.box}>
        <table className={table.table} aria-label={t("machine.hosts")}>
          <thead>
            <tr>
              <th scope="col" className={table.head}>
                {t("vms.columnName")}
              </th>
              <th scope="col" className={table.head}>
                {t("vms.columnPower")}
              </th>
              <th scope="col" className={mergeClasses(table.head, table.wide)}>
                {t("vms.columnConsole")}
              </th>
              <th scope="col" className={mergeClasses(table.head, table.wide)}>
                {t("vms.columnGroup")}
              </th>
            </tr>
          </thead>
          <tbody>
            {found.slice(0, MOST).map((vm) => (
              <tr key={vm.key} className={table.row}>
                <th scope="row" className={mergeClasses(table.cell, table.name)}>
                  <Link className={table.link} to={vmPath(placeOf(vm.id))}>
                    {vm.name}
                  </Link>
                </th>
                <td className={table.cell}>
                  <PowerLabel machine={vm} />
                </td>
                <td className={mergeClasses(table.cell, table.wide)}>
                  <PortLabel machine={vm} />
                </td>
                <td className={mergeClasses(table.cell, table.wide)}>{vm.group}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {untold > 0 && <StatusBadge tone="unknown">{t("machine.untold", { count: untold })}</StatusBadge>}
    </Card>
  );
}
