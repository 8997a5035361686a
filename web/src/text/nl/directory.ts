import { inWordsOf } from "../catalogue";
import type { directory as english } from "../en/directory";

export const directory = inWordsOf<typeof english>()({
  subtitle: "Gebruikers, groepen, leden, clients en hun certificaten als één JSON-document.",
  out: "Exporteren",
  outText: "Het bestand bevat geen wachtwoord en geen geheim. Rollen en tweede factoren staan er niet in.",
  download: "Downloaden",
  outHashes:
    "Om wachtwoorden en geheimen mee te nemen zijn hun hashes nodig; wie dat bestand heeft, kan proberen ze te raden. Dat gaat met de opdrachtregel:",

  in: "Importeren",
  inText:
    "Maakt wat ontbreekt, wijzigt wat verschilt, verwijdert niets. Het bestand wordt eerst geprobeerd: u ziet wat er zou veranderen voordat het verandert.",
  file: "JSON-bestand",
  trying: "Wordt geprobeerd",
  changes: "Wijzigingen",
  what: "Wijziging",
  create: "gemaakt",
  update: "gewijzigd",
  addMember: "lid toegevoegd",
  addOwner: "eigenaar toegevoegd",
  addSecret: "geheim toegevoegd",
  addCertificate: "certificaat toegevoegd",
  nothing: "{name} wijzigt niets: alles wat erin staat, is hier al.",
  would: {
    one: "{name} zou {count} wijziging aanbrengen. Er is nog niets gedaan.",
    other: "{name} zou {count} wijzigingen aanbrengen. Er is nog niets gedaan.",
  },
  done: {
    one: "{name} is geïmporteerd: {count} wijziging.",
    other: "{name} is geïmporteerd: {count} wijzigingen.",
  },
  bring: "Nu importeren",
  bringTitle: "{name} importeren?",
  bringLoss1: {
    one: "{count} wijziging wordt aangebracht, geheel of helemaal niet.",
    other: "{count} wijzigingen worden aangebracht, allemaal of geen.",
  },
  bringLoss2: "Een andere import maakt dit niet ongedaan: wat erdoor is gemaakt, verwijdert u met de hand.",
  notTitle: "Dit is geen document van een directory",
  notMessage: "Het bestand is geen JSON.",
  notCause: "Misschien is het YAML, afgebroken of een bestand van iets anders.",
  notRemedy: "Kies een bestand dat hier is gedownload, of dat `oob identity export` heeft geschreven.",
  noticeExport: "De directory exporteren",
  noticeImport: "Een directorydocument importeren",
});
