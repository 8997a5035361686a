import { Menu, MenuDivider, MenuItem, MenuList, MenuPopover, makeStyles } from "@fluentui/react-components";
import { CopyRegular, DesktopRegular, WindowConsoleRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { copyText } from "../../components";
import { t } from "../../text";
import type { Machine } from "./machine";
import { obstacleText } from "./obstacles";
import { verbOf } from "./PowerQuestion";
import type { PowerAction } from "./power";
import { POWER_ICONS } from "./powerIcons";
import type { Obstacles } from "./useObstacles";

/** What can be done from a row. */
export interface RowActions {
  obstacle: Obstacles;
  ask: (action: PowerAction, machine: Machine) => void;
  open: (machine: Machine, page?: string) => void;
}

interface Props {
  /** Undefined while the menu is closed. */
  machine: Machine | undefined;
  /** The button it belongs to. */
  button: HTMLElement | undefined;
  actions: RowActions;
  onClose: () => void;
}

const useStyles = makeStyles({
  why: { overflowWrap: "anywhere" },
});

const ACTIONS: readonly PowerAction[] = ["start", "powerOff", "restart"];

/** One menu for all rows: a menu in each would cost more than the rest of the table. */
export function RowMenu({ machine, button, actions, onClose }: Props): ReactNode {
  const styles = useStyles();
  if (!machine || !button) return null;
  const locked = actions.obstacle("connect", machine);
  return (
    <Menu
      open
      onOpenChange={(_, data) => {
        if (data.open) return;
        onClose();
        if (data.type === "menuPopoverKeyDown") button.focus();
      }}
      positioning={{ target: button, position: "below", align: "end" }}
    >
      <MenuPopover>
        <MenuList aria-label={t("vms.actionsFor", { name: machine.name })}>
          <MenuItem
            icon={<WindowConsoleRegular />}
            disabled={locked !== undefined}
            subText={
              locked ? { className: styles.why, children: obstacleText(locked, "connect", machine.id) } : null
            }
            onClick={() => actions.open(machine, "console")}
          >
            {t("vms.openConsole")}
          </MenuItem>
          <MenuItem icon={<DesktopRegular />} onClick={() => actions.open(machine)}>
            {t("vms.openOverview")}
          </MenuItem>
          <MenuDivider />
          {ACTIONS.map((action) => {
            const obstacle = actions.obstacle(action, machine);
            return (
              <MenuItem
                key={action}
                icon={POWER_ICONS[action]}
                disabled={obstacle !== undefined}
                subText={
                  obstacle
                    ? { className: styles.why, children: obstacleText(obstacle, action, machine.id) }
                    : null
                }
                onClick={() => {
                  button.focus();
                  actions.ask(action, machine);
                }}
              >
                {verbOf(action)}
              </MenuItem>
            );
          })}
          <MenuDivider />
          <MenuItem
            icon={<CopyRegular />}
            onClick={() => void copyText(machine.id).then(() => button.focus())}
          >
            {t("vms.copyId")}
          </MenuItem>
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}
