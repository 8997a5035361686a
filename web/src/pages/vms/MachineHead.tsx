import { makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import { ArrowDownRegular, ArrowUpRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { t } from "../../text";
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

const useStyles = makeStyles({
  sort: {
    display: "inline-flex",
    alignItems: "center",
    columnGap: tokens.spacingHorizontalXS,
    minHeight: "32px",
    padding: 0,
    border: "none",
    background: "none",
    color: "inherit",
    font: "inherit",
    fontWeight: tokens.fontWeightSemibold,
    cursor: "pointer",
    ":hover": { color: tokens.colorNeutralForeground1, textDecorationLine: "underline" },
    ":focus-visible": { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: "2px" },
  },
});

export function MachineHead(props: Props): ReactNode {
  const { sort, descending, onSort, chosen, onSelectPage, narrow } = props;
  const styles = useStyles();
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
        {columns.map((column) => {
          const order = descending ? "descending" : "ascending";
          const sorted = sort === column;
          return (
            <th
              key={column}
              scope="col"
              className={mergeClasses(table.head, column === "group" && table.wider)}
              aria-sort={sorted ? order : undefined}
            >
              <button
                type="button"
                className={styles.sort}
                onClick={() => onSort(column, sorted && !descending)}
              >
                {columnWord(column)}
                {sorted && (descending ? <ArrowDownRegular /> : <ArrowUpRegular />)}
              </button>
            </th>
          );
        })}
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
