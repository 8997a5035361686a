import { Menu, MenuItemRadio, MenuList, MenuPopover, MenuTrigger } from "@fluentui/react-components";
import { GlobeRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { useStore } from "../store";
import { t } from "../text";
import { chooseLanguage, LANGUAGES, type Language, languageChoice } from "../text/language";
import { BarButton } from "./BarButton";

/** Languages name themselves: whoever looks for one may read no other. */
const NAMES: Readonly<Record<Language, () => string>> = {
  browser: () => t("frame.languageBrowser"),
  en: () => "English",
  fr: () => "Français",
  nl: () => "Nederlands",
};

export function LanguageMenu(): ReactNode {
  const choice = useStore(languageChoice);
  return (
    <Menu
      positioning="below-end"
      checkedValues={{ language: [choice] }}
      onCheckedValueChange={(_, { checkedItems }) => {
        const wanted = LANGUAGES.find((each) => each === checkedItems[0]);
        if (wanted) chooseLanguage(wanted);
      }}
    >
      <MenuTrigger disableButtonEnhancement>
        <BarButton aria-label={t("frame.language")} icon={<GlobeRegular />} />
      </MenuTrigger>
      <MenuPopover>
        <MenuList>
          {LANGUAGES.map((each) => (
            <MenuItemRadio key={each} name="language" value={each} lang={each === "browser" ? "en" : each}>
              {NAMES[each]()}
            </MenuItemRadio>
          ))}
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}
