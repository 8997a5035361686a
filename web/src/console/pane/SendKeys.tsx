import {
  Menu,
  MenuDivider,
  MenuItem,
  MenuList,
  MenuPopover,
  MenuTrigger,
  ToolbarButton,
} from "@fluentui/react-components";
import {
  AlertRegular,
  KeyboardRegular,
  KeyboardShiftRegular,
  KeyCommandRegular,
  KeyMultipleRegular,
} from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { t } from "../../text";
import type { Seat } from "../seat";
import { FUNCTION_KEYS, KEYS, type SpecialKey } from "../specialKeys";

interface Props {
  seat: Seat;
  onNmi: () => void;
  onCtrlAltDel: () => void;
  onSysrq: () => void;
  /** Why it cannot be sent. */
  whyNmi: string | undefined;
  whyCtrlAltDel: string | undefined;
  whySysrq: string | undefined;
}

/** The keyboard icon: what no keyboard sends, and keys that a phone lacks or a browser keeps for itself. */
export function SendKeys({
  seat,
  onNmi,
  onCtrlAltDel,
  onSysrq,
  whyNmi,
  whyCtrlAltDel,
  whySysrq,
}: Props): ReactNode {
  return (
    <Menu>
      <MenuTrigger disableButtonEnhancement>
        <ToolbarButton
          icon={<KeyboardRegular />}
          aria-label={t("console.sendKeys")}
          title={t("console.sendKeys")}
        />
      </MenuTrigger>
      <MenuPopover>
        <MenuList>
          <MenuItem
            icon={<AlertRegular />}
            disabled={whyNmi !== undefined}
            subText={whyNmi ?? t("console.nmiHint")}
            onClick={onNmi}
          >
            {t("console.sendNmi")}
          </MenuItem>
          <MenuItem
            icon={<KeyCommandRegular />}
            disabled={whySysrq !== undefined}
            subText={whySysrq ?? t("console.sysrqHint")}
            onClick={onSysrq}
          >
            {t("console.sendSysrq")}
          </MenuItem>
          <MenuItem
            icon={<KeyMultipleRegular />}
            disabled={whyCtrlAltDel !== undefined}
            subText={whyCtrlAltDel ?? t("console.ctrlAltDelHint")}
            onClick={onCtrlAltDel}
          >
            {t("console.sendCtrlAltDel")}
          </MenuItem>
          <MenuDivider />
          <Keys seat={seat} title={t("console.keyboard")} keys={KEYS} />
          <Keys seat={seat} title={t("console.functionKeys")} keys={FUNCTION_KEYS} />
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}

function Keys({ seat, title, keys }: { seat: Seat; title: string; keys: readonly SpecialKey[] }): ReactNode {
  return (
    <Menu>
      <MenuTrigger disableButtonEnhancement>
        <MenuItem icon={<KeyboardShiftRegular />}>{title}</MenuItem>
      </MenuTrigger>
      <MenuPopover>
        <MenuList>
          {keys.map((key) => (
            <MenuItem key={key.label} onClick={() => seat.press(key)}>
              {key.label}
            </MenuItem>
          ))}
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}
