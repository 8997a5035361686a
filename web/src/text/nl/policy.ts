import { inWordsOf } from "../catalogue";
import type { policy as english } from "../en/policy";

export const policy = inWordsOf<typeof english>()({
  subtitle: "Wat er nodig is om aan te melden, voor iedereen van deze control plane.",
  mfa: "Tweede factor",
  on: "Van iedereen vereist",
  off: "Niet vereist: wie er een heeft ingesteld, wordt erom gevraagd, wie er geen heeft niet",
  start: "Vereisen",
  stop: "Niet meer vereisen",
  about:
    "Een app of een passkey naast het wachtwoord, voor de portal, az, oob en open consoles. Programma's met een geheim of een certificaat wordt er niet om gevraagd.",
  changed: "Gewijzigd {when} door {name}.",

  without: "Wie er nog geen heeft",
  withoutNone: {
    one: "De enige persoon die zich mag aanmelden, heeft er een.",
    other: "Alle {count} personen die zich mogen aanmelden, hebben er een.",
  },
  withoutSome: {
    one: "{count} van de {people} personen die zich mogen aanmelden, heeft geen tweede factor.",
    other: "{count} van de {people} personen die zich mogen aanmelden, hebben geen tweede factor.",
  },
  withoutMore: { one: "en nog {count}", other: "en nog {count}" },

  startTitle: "Van iedereen een tweede factor vereisen?",
  startButton: "Vereisen",
  lossNobody: {
    one: "De enige persoon die zich mag aanmelden, heeft er al een.",
    other: "Alle {count} personen hebben er al een.",
  },
  lossPeople: {
    one: "{count} van de {people} personen heeft er geen, en moet er bij de volgende aanmelding eerst een instellen.",
    other:
      "{count} van de {people} personen hebben er geen, en moeten er bij de volgende aanmelding eerst een instellen.",
  },
  lossNames: "Dat zijn: {names}.",
  lossSessions: {
    one: "{count} aanmelding loopt zonder door: bij de volgende aanvraag wordt erom gevraagd, en de open consoles ervan eindigen meteen.",
    other:
      "{count} aanmeldingen lopen zonder door: bij hun volgende aanvraag wordt erom gevraagd, en hun open consoles eindigen meteen.",
  },
  lossUnknown: "Wie er geen heeft, en hoeveel aanmeldingen zonder doorlopen, is op dit moment niet bekend.",
  lossLed:
    "Niemand wordt voorgoed buitengesloten: het wachtwoord, en dan de pagina, leiden door het instellen ervan.",
  lossYou: "U hebt er zelf geen: u wordt nu gevraagd er een in te stellen, vóór al het andere.",
  stopTitle: "Geen tweede factor meer vereisen?",
  stopButton: "Niet vereisen",
  stopLoss1: "Wie er geen heeft, meldt zich met alleen het wachtwoord aan.",
  stopLoss2: "Wie er een heeft, wordt er nog steeds om gevraagd.",
  noticeOn: "Een tweede factor vereisen",
  noticeOff: "Geen tweede factor vereisen",
});
