import { GlobeRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { useStore } from "../store";
import { t } from "../text";
import { chooseLanguage, LANGUAGES, type Language, languageChoice } from "../text/language";
import { ChoiceMenu } from "./ChoiceMenu";

/** Languages name themselves: whoever looks for one may read no other. */
const NAMES: Readonly<Record<Language, () => string>> = {
  browser: () => t("frame.languageBrowser"),
  en: () => "English",
  fr: () => "Français",
  nl: () => "Nederlands",
};

export function LanguageMenu(): ReactNode {
  return (
    <ChoiceMenu
      label={t("frame.language")}
      icon={<GlobeRegular />}
      choices={LANGUAGES}
      chosen={useStore(languageChoice)}
      nameOf={(choice) => NAMES[choice]()}
      langOf={(choice) => (choice === "browser" ? "en" : choice)}
      onChoose={chooseLanguage}
    />
  );
}
