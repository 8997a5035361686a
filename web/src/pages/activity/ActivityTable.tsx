import { Button, makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import { ChevronDownRegular, ChevronRightRegular } from "@fluentui/react-icons";
import { type KeyboardEvent, memo, type ReactNode, useId, useState } from "react";
import { Link } from "react-router";
import { ErrorView, StatusBadge, When } from "../../components";
import { full, t } from "../../text";
import { type Fact, Facts } from "../shared/Facts";
import { CELL, stepTo } from "../shared/rowKeys";
import { useTableStyles } from "../shared/tableStyles";
import type { Deed } from "./deeds";
import { failureOf } from "./meaning";
import { subjectOf } from "./subject";
import { toldOf } from "./told";
import { deedWords, durationWord, statusTone, statusWord } from "./words";

interface Props {
  deeds: readonly Deed[];
  /** Whether the rows are about several resources. */
  withResource: boolean;
  /** Names of subscriptions and people by their id. */
  names: ReadonlyMap<string, string>;
}

const useStyles = makeStyles({
  details: {
    display: "grid",
    rowGap: tokens.spacingVerticalM,
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalM} ${tokens.spacingVerticalL}`,
  },
  open: { borderBottom: "none" },
  steps: { margin: 0, paddingInlineStart: tokens.spacingHorizontalXL, fontSize: tokens.fontSizeBase200 },
  label: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
  break: { overflowWrap: "anywhere" },
});

/** Characters of a value that wants more room. */
const LONG = 24;

export function ActivityTable({ deeds, withResource, names }: Props): ReactNode {
  const table = useTableStyles();
  function move(event: KeyboardEvent<HTMLTableSectionElement>): void {
    if (stepTo(event.key, event.target as HTMLElement, event.currentTarget)) event.preventDefault();
  }
  return (
    <div className={table.box}>
      <table className={table.table} aria-label={t("activity.table")}>
        <thead>
          <tr>
            <th scope="col" className={mergeClasses(table.head, table.narrow)}>
              <span className={table.hidden}>{t("common.details")}</span>
            </th>
            <th scope="col" className={table.head}>
              {t("activity.columnWhat")}
            </th>
            {withResource && (
              <th scope="col" className={mergeClasses(table.head, table.wide)}>
                {t("activity.columnResource")}
              </th>
            )}
            <th scope="col" className={table.head}>
              {t("activity.columnStatus")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wide)}>
              {t("activity.columnWhen")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wide)}>
              {t("activity.columnCaller")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wider)}>
              {t("activity.columnFrom")}
            </th>
          </tr>
        </thead>
        <tbody onKeyDown={move}>
          {deeds.map((deed) => (
            <Row key={deed.key} deed={deed} withResource={withResource} names={names} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

const Row = memo(function Row(props: Omit<Props, "deeds"> & { deed: Deed }): ReactNode {
  const { deed, withResource, names } = props;
  const styles = useStyles();
  const table = useTableStyles();
  const [open, setOpen] = useState(false);
  const id = useId();
  const words = deedWords(deed);
  const subject = subjectOf(deed.resource);
  const about = names.get(subject.name) ?? subject.name;
  return (
    <>
      <tr className={mergeClasses(table.row, open && styles.open)}>
        <td className={mergeClasses(table.cell, table.narrow)}>
          <Button
            size="small"
            appearance="subtle"
            icon={open ? <ChevronDownRegular /> : <ChevronRightRegular />}
            aria-label={t("activity.expand", { what: words })}
            aria-expanded={open}
            aria-controls={open ? id : undefined}
            {...{ [CELL]: "expand" }}
            onClick={() => setOpen(!open)}
          />
        </td>
        <th scope="row" className={mergeClasses(table.cell, table.name)}>
          {words}
          <span className={table.instead}>
            {withResource && `${about} · `}
            {deed.caller} · {full(deed.ended)}
          </span>
        </th>
        {withResource && (
          <td className={mergeClasses(table.cell, table.wide)}>
            {subject.href === undefined ? (
              about
            ) : (
              <Link className={table.link} to={subject.href}>
                {about}
              </Link>
            )}
          </td>
        )}
        <td className={table.cell}>
          <StatusBadge tone={statusTone(deed.status)} title={deed.code || undefined}>
            {statusWord(deed.status)}
          </StatusBadge>
        </td>
        <td className={mergeClasses(table.cell, table.wide)}>
          <When at={deed.ended} />
        </td>
        <td className={mergeClasses(table.cell, table.wide)}>{deed.caller}</td>
        <td className={mergeClasses(table.cell, table.wider)}>{deed.address}</td>
      </tr>
      {open && (
        <tr id={id} className={table.row}>
          <td colSpan={withResource ? 7 : 6}>
            <div className={styles.details}>
              {deed.code && <ErrorView error={failureOf(deed)} />}
              <Details deed={deed} />
            </div>
          </td>
        </tr>
      )}
    </>
  );
});

function Details({ deed }: { deed: Deed }): ReactNode {
  const styles = useStyles();
  const told = toldOf(deed).map((each): Fact => ({ ...each, long: each.value.length > LONG }));
  return (
    <>
      <Facts
        facts={[
          { name: t("activity.detailAction"), value: deed.action, copy: deed.action, long: true },
          { name: t("activity.columnCaller"), value: deed.caller },
          { name: t("activity.columnFrom"), value: deed.address || t("common.none") },
          { name: t("activity.detailDuration"), value: durationWord(deed) },
          {
            name: t("activity.detailCorrelation"),
            value: deed.correlation,
            copy: deed.correlation,
            long: true,
          },
          ...told,
          { name: t("activity.detailResource"), value: deed.resource, copy: deed.resource, long: true },
        ]}
      />
      <div>
        <span className={styles.label}>{t("activity.detailSteps")}</span>
        <ol className={styles.steps}>
          {[...deed.steps].reverse().map((step) => (
            <li key={step.eventDataId}>
              <When at={step.eventTimestamp} /> · {statusWord(step.status.value)}
              {step.subStatus?.value && ` · ${step.subStatus.value}`}
            </li>
          ))}
        </ol>
      </div>
    </>
  );
}
