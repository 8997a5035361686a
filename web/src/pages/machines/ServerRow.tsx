import { mergeClasses } from "@fluentui/react-components";
import { memo, type ReactNode } from "react";
import { Link } from "react-router";
import { When } from "../../components";
import { t } from "../../text";
import { machinePath, placeOf } from "../shared/resourceId";
import { CELL } from "../shared/rowKeys";
import { useTableStyles } from "../shared/tableStyles";
import { StateSince } from "./StateLabel";
import type { Server } from "./server";
import { TagList } from "./TagList";

interface Props {
  server: Server;
  /** The row's number in the whole table, its head being 1. */
  index: number;
  /** No room for columns: everything stands under the name. */
  narrow: boolean;
}

/** More tags than this are counted. */
const TAGS = 2;

export const ServerRow = memo(function ServerRow({ server, index, narrow }: Props): ReactNode {
  const table = useTableStyles();
  const { name, agent, os, location, group, tags } = server;
  return (
    <tr className={table.row} aria-rowindex={index}>
      <th scope="row" className={mergeClasses(table.cell, table.name)}>
        <Link to={machinePath(placeOf(server.id))} className={table.link} {...{ [CELL]: "name" }}>
          {name}
        </Link>
        {narrow && (
          <span className={table.instead}>
            <StateSince server={server} />
            <HostedVms server={server} words />
            <span>{os}</span>
            <span>{group}</span>
            {tags.length > 0 && <TagList tags={tags} most={TAGS} />}
          </span>
        )}
      </th>
      {!narrow && (
        <>
          <td className={table.cell}>
            <StateSince server={server} />
          </td>
          <td className={table.cell}>
            <HostedVms server={server} />
          </td>
          <td className={mergeClasses(table.cell, table.wider)}>
            <Said text={agent} />
          </td>
          <td className={table.cell}>
            <Heartbeat server={server} />
          </td>
          <td className={table.cell}>
            <Said text={os} />
          </td>
          <td className={mergeClasses(table.cell, table.wider)}>{location}</td>
          <td className={table.cell}>{group}</td>
          <td className={mergeClasses(table.cell, table.wider)}>
            <TagList tags={tags} most={TAGS} />
          </td>
        </>
      )}
    </tr>
  );
});

function Said({ text }: { text: string }): ReactNode {
  const table = useTableStyles();
  return text || <span className={table.faint}>{t("machines.notSaid")}</span>;
}

export function Heartbeat({ server }: { server: Pick<Server, "heartbeat"> }): ReactNode {
  return server.heartbeat ? <When at={server.heartbeat} relative /> : <Said text="" />;
}

/** How many VMs it hosts, as a way to them. */
export function HostedVms({ server, words = false }: { server: Server; words?: boolean }): ReactNode {
  const table = useTableStyles();
  const { vms, name } = server;
  if (vms === undefined) return words ? null : <Said text="" />;
  const told = t("machines.showVms", { count: vms, name });
  if (vms === 0) return words ? null : <span title={told}>{vms}</span>;
  return (
    <Link className={table.link} to={`/vms?${new URLSearchParams({ host: name })}`} aria-label={told}>
      {words ? t("machines.vms", { count: vms }) : vms}
    </Link>
  );
}
