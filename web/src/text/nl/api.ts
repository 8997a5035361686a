import { inWordsOf } from "../catalogue";
import type { api as english } from "../en/api";

export const api = inWordsOf<typeof english>()({
  title: "API",
  subtitle:
    "Elke aanroep van de REST API, uitgevoerd namens u. Dezelfde aanroepen werken met de clients van Azure zelf.",
  search: "De aanroepen doorzoeken",
  searchHint: "Zoeken: disable console, virtualMachines, PUT",
  calls: "Aanroepen",
  group: { one: "{name} ({count})", other: "{name} ({count})" },
  other: "Overige",
  nothing: "Geen aanroep past. Probeer een deel van het pad of van wat die doet.",
  consoleSwitch: "Seriële consoles van een abonnement",
  chooseTitle: "Kies een aanroep",
  chooseText:
    "De parameters zijn ingevuld voor zover ze bekend zijn. Er wordt niets verzonden voordat u de aanroep uitvoert.",
  inPath: "{name}",
  inQuery: "{name} (query)",
  inHeader: "{name} (header)",
  missing: "Dit is nodig.",
  body: "Hoofdtekst",
  notJson: "Dit is geen JSON: {detail}",
  run: "Uitvoeren",
  copyCurl: "Kopiëren voor curl",
  confirmTitle: "Deze verwijdering uitvoeren?",
  confirmDelete: "Verwijderen",
  confirmLoss: "Wat op {address} staat, wordt verwijderd. Het kan niet worden teruggehaald.",
  result: "Resultaat",
  took: "{ms} ms",
  follow: "Bekijken hoe de bewerking verloopt",
  copyBody: "De hoofdtekst kopiëren",
  noBody: "Het antwoord heeft geen hoofdtekst.",
  headers: "Headers van het antwoord",
});
