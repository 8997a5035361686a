import { mergeClasses } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { t } from "../../text";
import { SortHead } from "../shared/SortHead";
import { useTableStyles } from "../shared/tableStyles";
import { columnWord } from "./columnWord";
import { COLUMNS, type Column } from "./view";

interface Props {
  sort: Column;
  descending: boolean;
  onSort: (sort: Column, descending: boolean) => void;
  /** How much of the page is selected. */
  chosen: "all" | "some" | "none";
  onSelectPage: (on: boolean) => void;
  /** No room for columns. */
  narrow: boolean;
}

export function MachineHead(props: Props): ReactNode {
  const { sort, descending, onSort, chosen, onSelectPage, narrow } = props;
  const table = useTableStyles();
  const columns = narrow ? COLUMNS.slice(0, 1) : COLUMNS;
  return (
    <thead>
      <tr aria-rowindex={1}>
        <th scope="col" className={mergeClasses(table.head, table.narrow)}>
          <input
            type="checkbox"
            className={table.check}
            aria-label={t("vms.selectPage")}
            checked={chosen === "all"}
            ref={(box) => {
              if (box) box.indeterminate = chosen === "some";
            }}
            onChange={(event) => onSelectPage(event.target.checked)}
          />
        </th>
        {columns.map((column) => (
          <SortHead
            key={column}
            className={mergeClasses(table.head, column === "group" && table.wider)}
            sorted={sort === column}
            descending={descending}
            onSort={(down) => onSort(column, down)}
          >
            {columnWord(column)}
          </SortHead>
        ))}
        {!narrow && (
          <th scope="col" className={mergeClasses(table.head, table.wider)} title={t("vms.noFinding")}>
            {t("vms.columnFinding")}
          </th>
        )}
        <th scope="col" className={mergeClasses(table.head, table.narrow)}>
          <span className={table.hidden}>{t("vms.columnActions")}</span>
        </th>
      </tr>
    </thead>
  );
}
