import { mergeClasses } from "@fluentui/react-components";
import { type ReactNode, useState } from "react";
import { t } from "../../text";
import { Pager } from "../shared/Pager";
import { pageOf, pages } from "../shared/paging";
import { useTableStyles } from "../shared/tableStyles";
import { type Change, kindWord, whatWord } from "./document";

/** What an import did, or would do. */
export function ChangeTable({ changes }: { changes: readonly Change[] }): ReactNode {
  const table = useTableStyles();
  const [wanted, setWanted] = useState(0);
  const { rows, page } = pageOf(changes, { page: wanted });
  return (
    <>
      <div className={table.box}>
        <table className={table.table} aria-label={t("directory.changes")}>
          <thead>
            <tr>
              <th scope="col" className={table.head}>
                {t("groups.name")}
              </th>
              <th scope="col" className={mergeClasses(table.head, table.wide)}>
                {t("groups.kind")}
              </th>
              <th scope="col" className={table.head}>
                {t("directory.what")}
              </th>
              <th scope="col" className={mergeClasses(table.head, table.wide)}>
                {t("common.details")}
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((change) => (
              <tr key={`${change.kind} ${change.id} ${change.what} ${change.about}`} className={table.row}>
                <th scope="row" className={mergeClasses(table.cell, table.name)}>
                  {change.name}
                  <span className={table.instead}>
                    {[kindWord(change.kind), change.about].filter(Boolean).join(" · ")}
                  </span>
                </th>
                <td className={mergeClasses(table.cell, table.wide)}>{kindWord(change.kind)}</td>
                <td className={table.cell}>{whatWord(change.what)}</td>
                <td className={mergeClasses(table.cell, table.wide, table.name)}>{change.about}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Pager page={page} pages={pages(changes.length)} onPage={setWanted} />
    </>
  );
}
