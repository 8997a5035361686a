import { makeStyles, Select } from "@fluentui/react-components";
import { type KeyboardEvent, memo, type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { t } from "../../text";
import { stepTo } from "../shared/rowKeys";
import { useTableStyles } from "../shared/tableStyles";
import { useNarrowBox } from "../shared/useNarrowBox";
import { columnWord } from "./columnWord";
import { MachineHead } from "./MachineHead";
import { MachineRow } from "./MachineRow";
import type { Machine } from "./machine";
import { type RowActions, RowMenu } from "./RowMenu";
import { COLUMNS, type Column } from "./view";

interface Props {
  /** One page of them, in order. */
  rows: readonly Machine[];
  /** Rows before this page, and of all pages. */
  before: number;
  total: number;
  selected: ReadonlySet<string>;
  sort: Column;
  descending: boolean;
  onSort: (sort: Column, descending: boolean) => void;
  onSelect: (keys: readonly string[], on: boolean) => void;
  /** A person looks at one more closely. */
  onLook: (key: string) => void;
  actions: RowActions;
}

interface Opened {
  key: string;
  button: HTMLElement;
}

const useStyles = makeStyles({
  sort: { maxWidth: "16rem" },
});

/** The callbacks and `actions` stay the same from one time to the next, so that only what changed is drawn anew. */
export const MachineTable = memo(function MachineTable(props: Props): ReactNode {
  const { rows, before, total, selected, sort, descending, onSort, onSelect, onLook, actions } = props;
  const styles = useStyles();
  const table = useTableStyles();
  const [box, narrow] = useNarrowBox();
  const [opened, setOpened] = useState<Opened>();
  const anchor = useRef<string | undefined>(undefined);
  const latest = useRef(rows);
  useEffect(() => {
    latest.current = rows;
  }, [rows]);

  const toggle = useCallback(
    (key: string, on: boolean, extend: boolean) => {
      const keys = latest.current.map((machine) => machine.key);
      const from = extend && anchor.current !== undefined ? keys.indexOf(anchor.current) : -1;
      const to = keys.indexOf(key);
      onSelect(from < 0 ? [key] : keys.slice(Math.min(from, to), Math.max(from, to) + 1), on);
      anchor.current = key;
    },
    [onSelect],
  );
  const openMenu = useCallback(
    (key: string, button: HTMLElement) => {
      setOpened({ key, button });
      onLook(key);
    },
    [onLook],
  );
  const closeMenu = useCallback(() => setOpened(undefined), []);

  function move(event: KeyboardEvent<HTMLTableSectionElement>): void {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (stepTo(event.key, event.target as HTMLElement, event.currentTarget)) event.preventDefault();
  }

  const here = rows.filter((machine) => selected.has(machine.key)).length;
  const part = here > 0 ? "some" : "none";
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
      <table className={table.table} aria-label={t("vms.table")} aria-rowcount={total + 1}>
        <MachineHead
          sort={sort}
          descending={descending}
          onSort={onSort}
          chosen={here === rows.length && here > 0 ? "all" : part}
          onSelectPage={(on) =>
            onSelect(
              rows.map((machine) => machine.key),
              on,
            )
          }
          narrow={narrow}
        />
        <tbody onKeyDown={move}>
          {rows.map((machine, index) => (
            <MachineRow
              key={machine.key}
              machine={machine}
              index={before + index + 2}
              selected={selected.has(machine.key)}
              narrow={narrow}
              onToggle={toggle}
              onMenu={openMenu}
            />
          ))}
        </tbody>
      </table>
      <RowMenu
        machine={rows.find((machine) => machine.key === opened?.key)}
        button={opened?.button}
        actions={actions}
        onClose={closeMenu}
      />
    </div>
  );
});
