import { makeStyles, mergeClasses, tokens, useRestoreFocusTarget } from "@fluentui/react-components";
import { DeleteRegular, QuestionCircleRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { When } from "../../components";
import { t } from "../../text";
import { GuardedButton } from "../shared/GuardedButton";
import { RIGHTS } from "../shared/rights";
import { useTableStyles } from "../shared/tableStyles";
import type { Grant } from "./grants";
import { KINDS } from "./kinds";
import type { Access } from "./useAccess";
import { nameFor, roleName } from "./words";

interface Props {
  label: string;
  grants: readonly Grant[];
  access: Access;
  /** The object id of the signed-in person. */
  me: string;
  mayRemove: (grant: Grant) => boolean;
  onRemove: (grant: Grant) => void;
}

const useStyles = makeStyles({
  // Several of these tables stand below each other.
  third: { width: "33%" },
  quarter: { width: "25%" },
  who: { display: "flex", alignItems: "center", columnGap: tokens.spacingHorizontalS },
  icon: { display: "inline-flex", fontSize: "1.25rem", color: tokens.colorNeutralForeground3 },
  small: { display: "block", color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
});

export function GrantTable({ label, grants, access, me, mayRemove, onRemove }: Props): ReactNode {
  const styles = useStyles();
  const table = useTableStyles();
  const restore = useRestoreFocusTarget();
  return (
    <div className={table.box}>
      <table className={table.table} aria-label={label}>
        <thead>
          <tr>
            <th scope="col" className={mergeClasses(table.head, styles.third)}>
              {t("access.who")}
            </th>
            <th scope="col" className={table.head}>
              {t("access.role")}
            </th>
            <th scope="col" className={mergeClasses(table.head, styles.quarter, table.wide)}>
              {t("access.since")}
            </th>
            <th scope="col" className={mergeClasses(table.head, table.narrow)}>
              <span className={table.hidden}>{t("access.actions")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {grants.map((grant) => {
            const role = access.roles.get(grant.role);
            const name = nameFor(access, grant.principal);
            return (
              <tr key={grant.id} className={table.row}>
                <th scope="row" className={mergeClasses(table.cell, table.name)}>
                  <Who access={access} id={grant.principal} isMe={grant.principal === me} />
                </th>
                <td className={table.cell}>
                  {roleName(access, grant)}
                  {role && <span className={mergeClasses(styles.small, table.wide)}>{role.description}</span>}
                </td>
                <td className={mergeClasses(table.cell, table.wide)}>
                  {grant.createdOn && <When at={grant.createdOn} />}
                  {grant.createdBy && (
                    <span className={styles.small}>
                      {t("access.by", { name: nameFor(access, grant.createdBy) })}
                    </span>
                  )}
                </td>
                <td className={mergeClasses(table.cell, table.narrow)}>
                  <GuardedButton
                    {...restore}
                    appearance="subtle"
                    icon={<DeleteRegular />}
                    aria-label={t("access.removeFor", { role: roleName(access, grant), name })}
                    title={t("access.remove")}
                    why={mayRemove(grant) ? undefined : t("access.whyRight", { action: RIGHTS.unassign })}
                    onClick={() => onRemove(grant)}
                  />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function Who({ access, id, isMe }: { access: Access; id: string; isMe: boolean }): ReactNode {
  const styles = useStyles();
  const person = access.people.get(id);
  return (
    <span className={styles.who}>
      <span className={styles.icon} aria-hidden>
        {person ? KINDS[person.kind].icon : <QuestionCircleRegular />}
      </span>
      <span>
        {person?.name ?? id}
        {isMe && ` (${t("access.you")})`}
        <span className={styles.small} title={person ? undefined : t("access.unknownHint")}>
          {person
            ? [t(KINDS[person.kind].one), person.kind === "User" && person.account]
                .filter(Boolean)
                .join(" · ")
            : t("access.unknown")}
        </span>
      </span>
    </span>
  );
}
