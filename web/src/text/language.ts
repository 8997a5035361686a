/** The language that is spoken: the person's choice, else as the browser is set. */

import { createStore, useStore } from "../store";
import type { Messages } from "./catalogue";

export const LOCALES = ["en", "fr", "nl"] as const;
export type Locale = (typeof LOCALES)[number];
export const LANGUAGES = ["browser", ...LOCALES] as const;
export type Language = (typeof LANGUAGES)[number];

const PLACE = "oob.language";

/** A language and its texts by area; absent for English, which is always there. */
export interface Spoken {
  readonly locale: Locale;
  readonly words?: Readonly<Record<string, Messages>>;
}

export const languageChoice = createStore<Language>(remembered());

/** What is spoken now. It follows the choice once its texts have come (speak.ts). */
export const spoken = createStore<Spoken>({ locale: "en" });

export function rememberLanguage(choice: Language): void {
  languageChoice.set(choice);
  try {
    localStorage.setItem(PLACE, choice);
  } catch {
    // Then the choice lasts as long as the page.
  }
}

/** The language to speak, as far as its texts can be had. */
export function wanted(): Locale {
  const choice = languageChoice.get();
  return choice === "browser" ? bestOf(navigator.languages) : choice;
}

/** The language that is spoken now. */
export function locale(): Locale {
  return spoken.get().locale;
}

/** The same for what is drawn: it is drawn anew when another language is spoken. */
export function useLocale(): Locale {
  return useStore(spoken).locale;
}

/**
 * How dates, numbers and lists are written: as the person's own region has it where the browser names one for the language
 * that is spoken, so that a sentence and the date in it never differ in language.
 */
export function habits(): string {
  const language = locale();
  return navigator.languages.find((each) => primary(each) === language) ?? FALLBACK[language];
}

/** English with the day before the month, for readers whose own language is none of ours. */
const FALLBACK: Readonly<Record<Locale, string>> = { en: "en-GB", fr: "fr", nl: "nl" };

/** The first of a person's languages that there are texts in. */
export function bestOf(preferred: readonly string[]): Locale {
  for (const each of preferred) {
    const found = LOCALES.find((known) => known === primary(each));
    if (found) return found;
  }
  return "en";
}

function primary(tag: string): string | undefined {
  return tag.split("-")[0]?.toLowerCase();
}

function remembered(): Language {
  try {
    const found = localStorage.getItem(PLACE);
    return LANGUAGES.find((each) => each === found) ?? "browser";
  } catch {
    return "browser";
  }
}
