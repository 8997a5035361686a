import { GlobeRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { explained } from "../api/errors";
import { notices } from "../notices";
import { useStore } from "../store";
import { t } from "../text";
import { LANGUAGES, type Language, languageChoice, useLocale } from "../text/language";
import { chooseLanguage } from "../text/speak";
import { ChoiceMenu } from "./ChoiceMenu";

/** Languages name themselves: whoever looks for one may read no other. */
const NAMES: Readonly<Record<Language, () => string>> = {
  browser: () => t("frame.languageBrowser"),
  en: () => "English",
  fr: () => "Français",
  nl: () => "Nederlands",
};

export function LanguageMenu(): ReactNode {
  const spoken = useLocale();
  return (
    <ChoiceMenu
      label={t("frame.language")}
      icon={<GlobeRegular />}
      choices={LANGUAGES}
      chosen={useStore(languageChoice)}
      nameOf={(choice) => NAMES[choice]()}
      langOf={(choice) => (choice === "browser" ? spoken : choice)}
      onChoose={choose}
    />
  );
}

/** Told among the notifications when its texts do not come; all stays in the language that it was in. */
function choose(choice: Language): void {
  chooseLanguage(choice).catch((thrown: unknown) => {
    notices.fail(notices.start(t("frame.language")), explained(thrown));
  });
}
