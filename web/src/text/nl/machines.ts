import { inWordsOf } from "../catalogue";
import type { machines as english } from "../en/machines";

export const machines = inWordsOf<typeof english>()({
  title: "Machines",
  intro: "Servers en VM-hosts met een agent. Een agent belt naar buiten en luistert op geen enkele poort.",
  count: { one: "{count} machine", other: "{count} machines" },
  countOf: "{shown} van {count} machines",
  add: "Een server toevoegen",
  filter: "Filteren op naam, toestand, groep, systeem of tag",
  noMatch: "Geen machine past bij het filter",

  columnName: "Naam",
  columnState: "Toestand",
  columnVms: "Aantal VM's",
  columnAgent: "Versie van de agent",
  columnHeartbeat: "Laatste hartslag",
  columnSystem: "Systeem",
  columnLocation: "Locatie",
  columnGroup: "Resourcegroep",
  columnTags: "Tags",
  table: "Verbonden machines",

  stateConnected: "Verbonden",
  stateDisconnected: "Niet verbonden",
  stateExpired: "Verlopen",
  stateAwaiting: "Wacht op verbinding",
  stateError: "Fout",
  stateUnknown: "Onbekende toestand",
  hintDisconnected:
    "De agent is gestopt, de server is uit, of het netwerk ervan is verbroken. De machine komt vanzelf terug als de agent terugkomt.",
  hintExpired:
    "Het certificaat van de machine is verlopen: ze was te lang weg om het te vernieuwen. Verbreek op de server de verbinding en verbind opnieuw.",
  hintAwaiting:
    "De machine is hier gemaakt en de agent heeft haar nog niet opgeëist. Dezelfde opdracht, nog eens op de server, gaat verder waar ze stopte.",
  hintError: "De agent of de control plane zegt dat er iets mis is met de machine.",
  hintUnknown: "De control plane noemt een toestand die deze portal niet kent. Laad de pagina opnieuw.",
  errors: { one: "{count} probleem", other: "{count} problemen" },
  monitor: "Alleen volgen",
  monitorHint: "Het eigen beleid van de host laat niemand typen en weigert elke opdracht.",
  notSaid: "Niet opgegeven",
  vms: { one: "{count} virtuele machine", other: "{count} virtuele machines" },
  showVms: { one: "{count} virtuele machine op {name}", other: "{count} virtuele machines op {name}" },

  emptyTitle: "Nog geen machines",
  emptyHint:
    "Een server wordt verbonden met een script dat u erop uitvoert: met uw eigen aanmelding, met een service-principal voor veel servers, of met een token dat één keer werkt.",
});
