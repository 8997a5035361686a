/** The language of errors and of what can be done about them: the person's choice, else as the browser is set. */

import { createStore, useStore } from "../store";

export const LOCALES = ["en", "fr", "nl"] as const;
export type Locale = (typeof LOCALES)[number];
export const LANGUAGES = ["browser", ...LOCALES] as const;
export type Language = (typeof LANGUAGES)[number];

const PLACE = "oob.language";

export const languageChoice = createStore<Language>(remembered());

export function chooseLanguage(choice: Language): void {
  languageChoice.set(choice);
  try {
    localStorage.setItem(PLACE, choice);
  } catch {
    // Then the choice lasts as long as the page.
  }
}

/** The language to speak now. */
export function locale(): Locale {
  const choice = languageChoice.get();
  return choice === "browser" ? bestOf(navigator.languages) : choice;
}

/** The same for what is drawn: it is drawn anew when the person chooses another. */
export function useLocale(): Locale {
  useStore(languageChoice);
  return locale();
}

/** The first of a person's languages that there are texts in. */
export function bestOf(wanted: readonly string[]): Locale {
  for (const each of wanted) {
    const primary = each.split("-")[0]?.toLowerCase();
    const found = LOCALES.find((known) => known === primary);
    if (found) return found;
  }
  return "en";
}

function remembered(): Language {
  try {
    const found = localStorage.getItem(PLACE);
    return LANGUAGES.find((each) => each === found) ?? "browser";
  } catch {
    return "browser";
  }
}
