import { Button, mergeClasses, useRestoreFocusTarget } from "@fluentui/react-components";
import { MoreHorizontalRegular } from "@fluentui/react-icons";
import { memo, type ReactNode } from "react";
import { Link } from "react-router";
import { StatusBadge } from "../../components";
import { t } from "../../text";
import { placeOf, vmPath } from "../shared/resourceId";
import { CELL } from "../shared/rowKeys";
import { useTableStyles } from "../shared/tableStyles";
import type { Condition } from "./health";
import { HealthLabel, PortLabel, PowerLabel } from "./Labels";
import type { Machine } from "./machine";
import { SimulatorLabel } from "./SimulatorLabel";

interface Props {
  machine: Machine;
  /** The row's number in the whole table, its head being 1. */
  index: number;
  selected: boolean;
  /** No room for columns: everything stands under the name. */
  narrow: boolean;
  /** The two stay the same from one time to the next, or every row is drawn anew. */
  onToggle: (key: string, on: boolean, extend: boolean) => void;
  onMenu: (key: string, button: HTMLElement) => void;
}

/** Conditions that say more than the state of power does. */
const TELLING: ReadonlySet<Condition> = new Set(["failed", "fault", "alarm", "unreachable"]);

export const MachineRow = memo(function MachineRow(props: Props): ReactNode {
  const { machine, index, selected, narrow, onToggle, onMenu } = props;
  const styles = useTableStyles();
  const restore = useRestoreFocusTarget();
  const { name, key } = machine;
  return (
    <tr className={mergeClasses(styles.row, selected && styles.chosen)} aria-rowindex={index}>
      <td className={mergeClasses(styles.cell, styles.narrow)}>
        <input
          type="checkbox"
          className={styles.check}
          {...{ [CELL]: "check" }}
          aria-label={t("vms.select", { name })}
          checked={selected}
          onChange={(event) =>
            onToggle(key, event.target.checked, (event.nativeEvent as MouseEvent).shiftKey === true)
          }
        />
      </td>
      <th scope="row" className={mergeClasses(styles.cell, styles.name)}>
        <Link
          to={vmPath(placeOf(machine.id))}
          className={styles.link}
          {...{ [CELL]: "name" }}
          onKeyDown={(event) => {
            if (event.key !== " ") return;
            event.preventDefault();
            onToggle(key, !selected, event.shiftKey);
          }}
        >
          {name}
        </Link>
        {machine.simulator && <SimulatorLabel />}
        {narrow && (
          <span className={styles.instead}>
            <PowerLabel machine={machine} />
            <PortLabel machine={machine} />
            {TELLING.has(machine.health.condition) && <HealthLabel health={machine.health} />}
            {machine.stale && <span>{t("scaleSets.stale")}</span>}
            <span>{machine.host}</span>
          </span>
        )}
      </th>
      {!narrow && (
        <>
          <td className={styles.cell}>
            <PowerLabel machine={machine} />
          </td>
          <td className={styles.cell}>
            <PortLabel machine={machine} />
          </td>
          <td className={styles.cell}>{machine.host}</td>
          <td className={mergeClasses(styles.cell, styles.wider)}>{machine.group}</td>
          <td className={styles.cell}>
            <HealthLabel health={machine.health} />
          </td>
          <Finding machine={machine} />
        </>
      )}
      <td className={mergeClasses(styles.cell, styles.narrow)}>
        <Button
          {...restore}
          appearance="subtle"
          icon={<MoreHorizontalRegular />}
          aria-label={t("vms.actionsFor", { name })}
          aria-haspopup="menu"
          {...{ [CELL]: "menu" }}
          onClick={(event) => onMenu(key, event.currentTarget)}
        />
      </td>
    </tr>
  );
});

function Finding({ machine }: { machine: Machine }): ReactNode {
  const styles = useTableStyles();
  const { finding } = machine;
  if (finding) {
    const words =
      finding.count > 1
        ? t("vms.findingAndMore", { title: finding.title, count: finding.count - 1 })
        : finding.title;
    return (
      <td className={mergeClasses(styles.cell, styles.wider)} title={words}>
        <StatusBadge tone={finding.severity === "error" ? "bad" : "warning"}>{words}</StatusBadge>
      </td>
    );
  }
  if (machine.stale) {
    return (
      <td className={mergeClasses(styles.cell, styles.wider)} title={t("scaleSets.staleHint")}>
        {t("scaleSets.stale")}
      </td>
    );
  }
  return (
    <td className={mergeClasses(styles.cell, styles.wider, styles.faint)} title={t("vms.noFinding")}>
      <span aria-hidden>–</span>
      <span className={styles.hidden}>{t("common.none")}</span>
    </td>
  );
}
