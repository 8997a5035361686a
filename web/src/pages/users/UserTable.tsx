import {
  Button,
  Menu,
  MenuItem,
  MenuList,
  MenuPopover,
  MenuTrigger,
  mergeClasses,
} from "@fluentui/react-components";
import {
  DeleteRegular,
  KeyResetRegular,
  MoreHorizontalRegular,
  PersonAvailableRegular,
  PersonProhibitedRegular,
} from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { User } from "../../api/types";
import { StatusBadge, When } from "../../components";
import { t } from "../../text";
import { useTableStyles } from "../shared/tableStyles";
import { userPath } from "./directory";
import type { Deed } from "./UserQuestion";

interface Props {
  users: readonly User[];
  /** Object id of the person who looks. */
  me: string;
  /** Why nothing can be changed; it can when absent. */
  why: string | undefined;
  onAsk: (deed: Deed, user: User) => void;
}

export function UserTable({ users, me, why, onAsk }: Props): ReactNode {
  const styles = useTableStyles();
  return (
    <div className={styles.box}>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col" className={styles.head}>
              {t("users.userName")}
            </th>
            <th scope="col" className={mergeClasses(styles.head, styles.wide)}>
              {t("users.displayName")}
            </th>
            <th scope="col" className={styles.head}>
              {t("users.state")}
            </th>
            <th scope="col" className={mergeClasses(styles.head, styles.wide)}>
              {t("users.since")}
            </th>
            <th scope="col" className={styles.head}>
              <span className={styles.hidden}>{t("users.actions")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {users.map((user) => (
            <tr key={user.id} className={styles.row}>
              <th scope="row" className={styles.cell}>
                <Link className={styles.link} to={userPath(user)}>
                  {user.userPrincipalName}
                </Link>
                {user.id === me && <span className={styles.faint}> ({t("users.you")})</span>}
                <span className={styles.instead}>{user.displayName}</span>
              </th>
              <td className={mergeClasses(styles.cell, styles.wide)}>{user.displayName}</td>
              <td className={styles.cell}>
                {user.accountEnabled === false ? (
                  <StatusBadge tone="off">{t("users.disabled")}</StatusBadge>
                ) : (
                  <StatusBadge tone="good">{t("users.enabled")}</StatusBadge>
                )}
              </td>
              <td className={mergeClasses(styles.cell, styles.wide)}>
                {user.createdDateTime && <When at={user.createdDateTime} />}
              </td>
              <td className={mergeClasses(styles.cell, styles.narrow)}>
                <Actions user={user} why={why} onAsk={onAsk} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Actions({ user, why, onAsk }: Pick<Props, "why" | "onAsk"> & { user: User }): ReactNode {
  const label = why ?? t("users.actionsOf", { name: user.userPrincipalName });
  const off = user.accountEnabled === false;
  return (
    <Menu positioning="below-end">
      <MenuTrigger disableButtonEnhancement>
        <Button
          appearance="subtle"
          icon={<MoreHorizontalRegular />}
          aria-label={label}
          title={label}
          disabledFocusable={why !== undefined}
        />
      </MenuTrigger>
      <MenuPopover>
        <MenuList>
          <MenuItem icon={<KeyResetRegular />} onClick={() => onAsk("reset", user)}>
            {t("users.reset")}
          </MenuItem>
          <MenuItem
            icon={off ? <PersonAvailableRegular /> : <PersonProhibitedRegular />}
            onClick={() => onAsk(off ? "enable" : "disable", user)}
          >
            {t(off ? "users.enable" : "users.disable")}
          </MenuItem>
          <MenuItem icon={<DeleteRegular />} onClick={() => onAsk("remove", user)}>
            {t("users.remove")}
          </MenuItem>
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}
