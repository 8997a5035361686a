import { makeStyles, tokens } from "@fluentui/react-components";
import { ArrowDownRegular, ArrowUpRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";

interface Props {
  /** The column's name. */
  children: ReactNode;
  className: string;
  /** The table is in the order of this column. */
  sorted: boolean;
  descending: boolean;
  onSort: (descending: boolean) => void;
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

/** The head of a column by which a table can be put in order. */
export function SortHead({ children, className, sorted, descending, onSort }: Props): ReactNode {
  const styles = useStyles();
  const order = descending ? "descending" : "ascending";
  return (
    <th scope="col" className={className} aria-sort={sorted ? order : undefined}>
      <button type="button" className={styles.sort} onClick={() => onSort(sorted && !descending)}>
        {children}
        {sorted && (descending ? <ArrowDownRegular /> : <ArrowUpRegular />)}
      </button>
    </th>
  );
}
