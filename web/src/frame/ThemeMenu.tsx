import { DarkThemeRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { useStore } from "../store";
import { t } from "../text";
import { CHOICES, type Choice, chooseTheme, themeChoice } from "../theme/choice";
import { ChoiceMenu } from "./ChoiceMenu";

export const THEME_NAMES: Readonly<Record<Choice, () => string>> = {
  system: () => t("frame.themeSystem"),
  light: () => t("frame.themeLight"),
  dark: () => t("frame.themeDark"),
};

export function ThemeMenu(): ReactNode {
  return (
    <ChoiceMenu
      label={t("frame.theme")}
      icon={<DarkThemeRegular />}
      choices={CHOICES}
      chosen={useStore(themeChoice)}
      nameOf={(choice) => THEME_NAMES[choice]()}
      onChoose={chooseTheme}
    />
  );
}
