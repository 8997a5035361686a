import { makeStyles, mergeClasses, Select } from "@fluentui/react-components";
import { type KeyboardEvent, memo, type ReactNode } from "react";
import { t } from "../../text";
import { stepTo } from "../shared/rowKeys";
import { SortHead } from "../shared/SortHead";
import { useTableStyles } from "../shared/tableStyles";
import { useNarrowBox } from "../shared/useNarrowBox";
import { columnWord } from "./columnWord";
import { ServerRow } from "./ServerRow";
import type { Server } from "./server";
import { COLUMNS, type Column } from "./view";

interface Props {
  /** One page of them, in order. */
  rows: readonly Server[];
  /** Rows before this page, and of all pages. */
  before: number;
  total: number;
  sort: Column;
  descending: boolean;
  onSort: (sort: Column, descending: boolean) => void;
}

/** What a table that is not wide does without. */
const ONLY_WIDE: ReadonlySet<Column | "tags"> = new Set(["agent", "location", "tags"]);

const useStyles = makeStyles({
  sort: { maxWidth: "16rem" },
});

export const ServerTable = memo(function ServerTable(props: Props): ReactNode {
  const { rows, before, total, sort, descending, onSort } = props;
  const styles = useStyles();
  const table = useTableStyles();
  const [box, narrow] = useNarrowBox();

  function move(event: KeyboardEvent<HTMLTableSectionElement>): void {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (stepTo(event.key, event.target as HTMLElement, event.currentTarget)) event.preventDefault();
  }

  return (
    <div className={table.box} ref={box}>
      {narrow && (
        <Select
          className={styles.sort}
          aria-label={t("vms.sortBy")}
          value={sort}
          onChange={(_, data) => onSort(data.value as Column, false)}
        >
          {COLUMNS.map((column) => (
            <option key={column} value={column}>
              {t("vms.sortedBy", { column: columnWord(column) })}
            </option>
          ))}
        </Select>
      )}
      <table className={table.table} aria-label={t("machines.table")} aria-rowcount={total + 1}>
        <thead>
          <tr aria-rowindex={1}>
            {(narrow ? COLUMNS.slice(0, 1) : COLUMNS).map((column) => (
              <SortHead
                key={column}
                className={mergeClasses(table.head, ONLY_WIDE.has(column) && table.wider)}
                sorted={sort === column}
                descending={descending}
                onSort={(down) => onSort(column, down)}
              >
                {columnWord(column)}
              </SortHead>
            ))}
            {!narrow && (
              <th scope="col" className={mergeClasses(table.head, table.wider)}>
                {t("machines.columnTags")}
              </th>
            )}
          </tr>
        </thead>
        <tbody onKeyDown={move}>
          {rows.map((server, index) => (
            <ServerRow key={server.key} server={server} index={before + index + 2} narrow={narrow} />
          ))}
        </tbody>
      </table>
    </div>
  );
});
