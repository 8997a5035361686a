import { inWordsOf } from "../catalogue";
import type { classic as english } from "../en/classic";

export const classic = inWordsOf<typeof english>()({
  title: "Virtuele machines (klassiek)",
  intro: "Weergaven van virtuele machines volgens het klassieke implementatiemodel, met eindpunten.",
  kind: "Virtuele machine (klassiek)",
  search: "Klassieke virtuele machines zoeken",
  none: "Er is geen klassieke virtuele machine",
  noneHint: "Een ervan wordt met de API gemaakt, als weergave van een virtuele machine die hier is.",
  state: "Status",
  service: "Cloudservice",
  system: "Besturingssysteem",
  behind: "Virtuele machine",
  shutdown: "Afsluiten",
  resetRemoteAccess: "Externe toegang opnieuw instellen",
  ask: "{what}: {name}?",
  resetLoss:
    "Externe toegang in de gast gaat terug naar hoe die geleverd is; open verbindingen kunnen worden afgebroken.",
  fetch: "Log en scherm ophalen",
  log: "Wat zij heeft geschreven",
  picture: "Wat haar scherm toont",
  endpoints: "Eindpunten",
  endpointsNote: "De machine is hierop te bereiken en nergens anders",
  noRdp: "Geen eindpunt leidt naar Extern bureaublad (TCP-poort 3389)",
  addRdp: "Het ontbrekende eindpunt toevoegen",
  publicPort: "Openbare poort",
  privatePort: "Privépoort",
  remove: "Verwijderen",
  removeOne: "Eindpunt {name} verwijderen",
  save: "Opslaan",
  needBoth: "Een gebruikersnaam en een wachtwoord zijn nodig",
  noticeEndpoints: "Eindpunten van {name}",
});
