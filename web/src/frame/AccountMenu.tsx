import {
  Menu,
  MenuDivider,
  MenuItem,
  MenuItemLink,
  MenuList,
  MenuPopover,
  MenuTrigger,
  makeStyles,
  tokens,
} from "@fluentui/react-components";
import {
  DesktopArrowRightRegular,
  PersonKeyRegular,
  PhoneKeyRegular,
  SignOutRegular,
} from "@fluentui/react-icons";
import { type ReactNode, useCallback } from "react";
import { useNavigate } from "react-router";
import { arm, VERSIONS } from "../api/client";
import type { Tenant } from "../api/types";
import { useAuth } from "../auth";
import { usePoll } from "../components";
import { t } from "../text";
import { BarButton } from "./BarButton";
import { Initials } from "./Initials";

const useStyles = makeStyles({
  who: {
    display: "grid",
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalM}`,
    maxWidth: "20rem",
    overflowWrap: "anywhere",
  },
  name: { fontWeight: tokens.fontWeightSemibold },
  quiet: { color: tokens.colorNeutralForeground2, fontSize: tokens.fontSizeBase200 },
});

export function AccountMenu(): ReactNode {
  const { user, signOut } = useAuth();
  const navigate = useNavigate();
  return (
    <Menu positioning="below-end">
      <MenuTrigger disableButtonEnhancement>
        <BarButton
          aria-label={t("frame.account", { name: user.name })}
          icon={<Initials name={user.name} />}
        />
      </MenuTrigger>
      <MenuPopover>
        <Who />
        <MenuList>
          <MenuDivider />
          {/* In a tab of its own: leaving this one would close its consoles. */}
          <MenuItemLink icon={<PersonKeyRegular />} href="/account" target="_blank" rel="noopener">
            {t("frame.accountPage")}
          </MenuItemLink>
          <MenuItemLink icon={<PhoneKeyRegular />} href="/account/factors" target="_blank" rel="noopener">
            {t("frame.ownFactors")}
          </MenuItemLink>
          <MenuItem icon={<DesktopArrowRightRegular />} onClick={() => void navigate("/sessions")}>
            {t("frame.ownSessions")}
          </MenuItem>
          <MenuItem icon={<SignOutRegular />} onClick={() => void signOut()}>
            {t("frame.signOut")}
          </MenuItem>
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}

/** The tenant's name is asked for when the menu is opened; its id does until then. */
function Who(): ReactNode {
  const styles = useStyles();
  const { user } = useAuth();
  const ask = useCallback(
    (signal: AbortSignal) => arm.list<Tenant>("/tenants", { version: VERSIONS.resources, signal }),
    [],
  );
  const { data } = usePoll(ask, 0);
  const tenant = data?.find((each) => each.tenantId === user.tenantId);
  return (
    <div className={styles.who}>
      <span className={styles.name}>{user.name}</span>
      <span>{user.userName}</span>
      <span className={styles.quiet}>
        {t("frame.tenant", { name: tenant?.displayName ?? user.tenantId })}
      </span>
    </div>
  );
}
