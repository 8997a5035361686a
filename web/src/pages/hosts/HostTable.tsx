import { Button, makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import { ChevronDownRegular, ChevronRightRegular } from "@fluentui/react-icons";
import { type KeyboardEvent, type ReactNode, useId, useState } from "react";
import { Link } from "react-router";
import { StatusBadge, When } from "../../components";
import { list, t } from "../../text";
import { type Fact, Facts } from "../shared/Facts";
import { CELL, stepTo } from "../shared/rowKeys";
import { useTableStyles } from "../shared/tableStyles";
import type { Host } from "./host";

interface Props {
  hosts: readonly Host[];
  /** Name of a host whose details are open at first; empty for none. */
  opened: string;
}

const useStyles = makeStyles({
  details: { padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalM} ${tokens.spacingVerticalL}` },
  open: { borderBottom: "none" },
});

const COLUMNS = 8;

export function HostTable({ hosts, opened }: Props): ReactNode {
  const table = useTableStyles();
  function move(event: KeyboardEvent<HTMLTableSectionElement>): void {
    if (stepTo(event.key, event.target as HTMLElement, event.currentTarget)) event.preventDefault();
  }
  return (
    <div className={table.box}>
      <table className={table.table} aria-label={t("hosts.table")}>
        <thead>
          <tr>
            <th scope="col" className={mergeClasses(table.head, table.narrow)}>
              <span className={table.hidden}>{t("common.details")}</span>
            </th>
            <th scope="col" className={table.head}>
              {t("hosts.columnName")}
            </th>
            <th scope="col" className={table.head}>
              {t("hosts.columnStatus")}
            </th>
            <th scope="col" className={table.head}>
              {t("hosts.columnVms")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wide)}>
              {t("hosts.columnAccelerator")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wider)}>
              {t("hosts.columnAgent")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wide)}>
              {t("hosts.columnSeen")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wider)}>
              {t("hosts.columnGroup")}
            </th>
          </tr>
        </thead>
        <tbody onKeyDown={move}>
          {hosts.map((host) => (
            // Another address opens another row.
            <Row key={`${host.key} ${host.name === opened}`} host={host} opened={host.name === opened} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ host, opened }: { host: Host; opened: boolean }): ReactNode {
  const styles = useStyles();
  const table = useTableStyles();
  const [open, setOpen] = useState(opened);
  const id = useId();
  const { name, machines } = host;
  return (
    <>
      <tr className={mergeClasses(table.row, open && styles.open)}>
        <td className={mergeClasses(table.cell, table.narrow)}>
          <Button
            size="small"
            appearance="subtle"
            icon={open ? <ChevronDownRegular /> : <ChevronRightRegular />}
            aria-label={t("hosts.details", { name })}
            aria-expanded={open}
            aria-controls={open ? id : undefined}
            {...{ [CELL]: "expand" }}
            onClick={() => setOpen(!open)}
          />
        </td>
        <th scope="row" className={mergeClasses(table.cell, table.name)}>
          {name}
          <span className={table.instead}>
            {[acceleratorWord(host.accelerator), host.group].filter(Boolean).join(" · ")}
          </span>
        </th>
        <td className={table.cell}>
          <Status host={host} />
        </td>
        <td className={table.cell}>
          {machines === undefined ? (
            <span className={table.faint}>{t("hosts.notSaid")}</span>
          ) : (
            <Link
              className={table.link}
              to={`/vms?${new URLSearchParams({ host: name })}`}
              aria-label={t("hosts.showVms", { count: machines, name })}
            >
              {machines}
            </Link>
          )}
        </td>
        <td className={mergeClasses(table.cell, table.wide)} title={host.probe || undefined}>
          {acceleratorWord(host.accelerator)}
        </td>
        <td className={mergeClasses(table.cell, table.wider)}>{host.agent || t("hosts.notSaid")}</td>
        <td className={mergeClasses(table.cell, table.wide)}>
          {host.connected ? t("hosts.now") : <When at={host.changed} relative />}
        </td>
        <td className={mergeClasses(table.cell, table.wider)}>{host.group}</td>
      </tr>
      {open && (
        <tr id={id} className={table.row}>
          <td colSpan={COLUMNS}>
            <div className={styles.details}>
              <Facts facts={factsOf(host)} />
            </div>
          </td>
        </tr>
      )}
    </>
  );
}

function Status({ host }: { host: Host }): ReactNode {
  if (!host.connected) {
    return (
      <StatusBadge tone="warning" title={t("hosts.disconnectedHint")}>
        {t("hosts.disconnected")}
      </StatusBadge>
    );
  }
  return host.monitor ? (
    <StatusBadge tone="off" title={t("hosts.monitorHint")}>
      {t("hosts.monitor")}
    </StatusBadge>
  ) : (
    <StatusBadge tone="good">{t("hosts.connected")}</StatusBadge>
  );
}

function factsOf(host: Host): Fact[] {
  const named = (names: readonly string[]): string => list(names) || t("common.none");
  return [
    {
      name: host.connected ? t("hosts.connectedSince") : t("hosts.lastSeen"),
      value: <When at={host.changed} />,
    },
    ...(host.connected ? [] : [{ name: t("hosts.whyAway"), value: t("hosts.disconnectedHint"), long: true }]),
    ...(host.monitor ? [{ name: t("hosts.monitor"), value: t("hosts.monitorHint"), long: true }] : []),
    { name: t("hosts.system"), value: host.system || t("hosts.notSaid"), long: true },
    {
      name: t("hosts.size"),
      value: host.cpus
        ? t("hosts.sizeValue", { cpus: host.cpus, memory: host.memoryMiB })
        : t("hosts.notSaid"),
    },
    { name: t("hosts.columnAgent"), value: host.agent || t("hosts.notSaid") },
    { name: t("hosts.columnAccelerator"), value: acceleratorWord(host.accelerator) },
    { name: t("hosts.probe"), value: host.probe || t("hosts.notSaid"), long: true },
    { name: t("hosts.drivers"), value: named(host.drivers) },
    { name: t("hosts.images"), value: named(host.images) },
    { name: t("hosts.sockets"), value: named(host.sockets) },
    { name: t("hosts.programs"), value: named(host.programs) },
    { name: t("hosts.columnGroup"), value: host.group },
    { name: t("hosts.agentId"), value: host.agentId, copy: host.agentId, long: true },
  ];
}

function acceleratorWord(accelerator: string): string {
  switch (accelerator) {
    case "kvm":
      return t("hosts.accelKvm");
    case "tcg":
      return t("hosts.accelTcg");
    default:
      return accelerator || t("hosts.notSaid");
  }
}
