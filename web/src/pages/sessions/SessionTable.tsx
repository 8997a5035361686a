import { mergeClasses } from "@fluentui/react-components";
import { SignOutRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import type { SignIn } from "../../api/types";
import { When } from "../../components";
import { t } from "../../text";
import { GuardedButton } from "../shared/GuardedButton";
import { useTableStyles } from "../shared/tableStyles";
import { methodWords, programWord } from "./signIns";

interface Props {
  sessions: readonly SignIn[];
  onEnd: (session: SignIn) => void;
}

/** Places where somebody is signed in. */
export function SessionTable({ sessions, onEnd }: Props): ReactNode {
  const table = useTableStyles();
  return (
    <div className={table.box}>
      <table className={table.table} aria-label={t("sessions.table")}>
        <thead>
          <tr>
            <th scope="col" className={table.head}>
              {t("sessions.program")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wide)}>
              {t("sessions.address")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wide)}>
              {t("sessions.proved")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.wider)}>
              {t("sessions.since")}
            </th>
            <th scope="col" className={table.head}>
              {t("sessions.lastUsed")}
            </th>
            <th scope="col" className={table.head}>
              <span className={table.hidden}>{t("access.actions")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {sessions.map((session) => (
            <tr key={session.id} className={table.row}>
              <th scope="row" className={mergeClasses(table.cell, table.name)} title={session.agent}>
                {programWord(session)}
                {session.current && <span className={table.faint}> ({t("sessions.current")})</span>}
                <span className={table.instead}>
                  <span>{session.address}</span>
                  <span>{methodWords(session.methods)}</span>
                </span>
              </th>
              <td className={mergeClasses(table.cell, table.wide)}>{session.address}</td>
              <td className={mergeClasses(table.cell, table.wide)}>{methodWords(session.methods)}</td>
              <td className={mergeClasses(table.cell, table.wider)}>
                <When at={session.started} />
              </td>
              <td className={table.cell}>
                <When at={session.lastUsed ?? session.started} relative />
              </td>
              <td className={mergeClasses(table.cell, table.narrow)}>
                <GuardedButton
                  appearance="subtle"
                  icon={<SignOutRegular />}
                  aria-label={t("sessions.endOne", { what: programWord(session), address: session.address })}
                  title={t("sessions.end")}
                  onClick={() => onEnd(session)}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
