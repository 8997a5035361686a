import { Menu, MenuItemRadio, MenuList, MenuPopover, MenuTrigger } from "@fluentui/react-components";
import { DarkThemeRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { useStore } from "../store";
import { t } from "../text";
import { CHOICES, type Choice, chooseTheme, themeChoice } from "../theme/choice";
import { BarButton } from "./BarButton";

export const THEME_NAMES: Readonly<Record<Choice, () => string>> = {
  system: () => t("frame.themeSystem"),
  light: () => t("frame.themeLight"),
  dark: () => t("frame.themeDark"),
};

export function ThemeMenu(): ReactNode {
  const choice = useStore(themeChoice);
  return (
    <Menu
      positioning="below-end"
      checkedValues={{ theme: [choice] }}
      onCheckedValueChange={(_, { checkedItems }) => {
        const wanted = CHOICES.find((each) => each === checkedItems[0]);
        if (wanted) chooseTheme(wanted);
      }}
    >
      <MenuTrigger disableButtonEnhancement>
        <BarButton aria-label={t("frame.theme")} icon={<DarkThemeRegular />} />
      </MenuTrigger>
      <MenuPopover>
        <MenuList>
          {CHOICES.map((each) => (
            <MenuItemRadio key={each} name="theme" value={each}>
              {THEME_NAMES[each]()}
            </MenuItemRadio>
          ))}
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}
