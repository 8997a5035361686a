/** Fetches the texts of a language when it is first spoken. English is part of the portal itself. */

import { fetchPart } from "../later";
import type { Messages } from "./catalogue";
import { type Language, type Locale, rememberLanguage, spoken, wanted } from "./language";

type Words = Readonly<Record<string, Messages>>;

const PARTS: Readonly<Record<Exclude<Locale, "en">, () => Promise<Words>>> = {
  fr: async () => (await import("./fr")).french,
  nl: async () => (await import("./nl")).dutch,
};

/**
 * Speaks the language that is wanted now, and tells the document. Throws ApiError `PortalPartMissing` when its texts stay
 * away; then all stays in the language that was spoken before.
 */
export async function speak(): Promise<void> {
  const locale = wanted();
  const words = locale === "en" ? undefined : await fetchPart(PARTS[locale]);
  // Another may have been chosen meanwhile.
  if (locale !== wanted()) return;
  document.documentElement.lang = locale;
  if (locale !== spoken.get().locale) spoken.set(words ? { locale, words } : { locale });
}

/** For a person's choice in the menu: remembered, then spoken. Throws as `speak` does. */
export function chooseLanguage(choice: Language): Promise<void> {
  rememberLanguage(choice);
  return speak();
}
