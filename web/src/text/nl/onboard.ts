import { inWordsOf } from "../catalogue";
import type { onboard as english } from "../en/onboard";

export const onboard = inWordsOf<typeof english>()({
  title: "Een server toevoegen",
  intro: "Een script verbindt de server met deze control plane. Er staat geen geheim in.",
  way: "Hoe de server zich aansluit",
  waySignIn: "Met een aanmelding: azcmagent connect",
  wayToken: "Met een token dat één keer werkt: oob agent enroll",

  where: "Waar hij bij hoort",
  group: "Resourcegroep van de machine",
  groupIn: "{group} ({subscription})",
  location: "Locatie van de machine",
  locationHint: "Het abonnement heeft de locatie waarmee het begon, en die van zijn resourcegroepen.",
  tagsLabel: "Tags van de machine",
  how: "Hoe hij wordt verbonden",
  system: "Besturingssysteem",
  systemLinux: "Linux",
  systemWindows: "Windows",
  windowsNote:
    "Het script voor Windows is naar documenten geschreven. Het is niet op een echte Windows-server gezien, en de agent zelf werkt daar nog niet: de installatie stopt met een melding.",
  signIn: "Wie zich aanmeldt",
  signInPerson:
    "Eén server of enkele: een persoon meldt zich bij elke aan met een code op een ander apparaat",
  signInProgram: "Veel servers met hetzelfde script: een service-principal meldt zich aan",
  programHint:
    "Die heeft de rol Azure Connected Machine Onboarding op de resourcegroep nodig, en niets meer. Het geheim wordt uit een bestand gelezen of gevraagd, en staat nooit in het script.",
  program: "Toepassings-id van de service-principal",
  programNeeded: "Een GUID, zoals op de pagina Clients staat.",
  programList: "Clients",
  proxy: "Proxy van de server (optioneel)",
  proxyHint:
    "http://proxy.example:3128. Een wachtwoord hoort niet in een script: stel in plaats daarvan HTTPS_PROXY in op de server.",
  proxyNeeded: "Een adres dat met http:// of https:// begint, zonder gebruiker en wachtwoord.",

  script: "Script",
  scriptName: "Het script zoals het nu is",
  scriptWaits: "Het script verschijnt als het formulier volledig is.",
  download: "Het script downloaden",
  steps: "Op de server",
  stepCopy: "Breng het script naar de server.",
  stepCopyMany: "Breng het script naar alle servers, met wat ze configureert.",
  stepSecret: "Zet het geheim in een bestand dat alleen root mag lezen:",
  stepSecretWindows: "Zet het geheim in een bestand dat alleen administrators mogen lezen:",
  stepRun: "Voer het uit als root:",
  stepRunWindows: "Voer het uit in PowerShell als administrator:",
  stepCode:
    "Het toont een adres en een code: open het adres op een willekeurig apparaat, voer de code in en meld u aan.",
  stepDone: "De server verschijnt hier, op deze pagina, zodra hij verbonden is.",

  arrivals: "Wat er is bijgekomen",
  waiting: "Wachten op een server in {group}",
  arrived: { one: "{count} server is verschenen", other: "{count} servers zijn verschenen" },
  arrivedList: "Servers die zijn verschenen",

  noGroup: "Er is nog geen resourcegroep. Op de control plane maakt dit er een:",
  whyRight: "U hebt op deze resourcegroep geen rol met {action}. Vraag het een Owner of een Contributor.",

  tokenIntro:
    "Met een token kan één host zich aansluiten, één keer. Het wordt alleen hier getoond: maak een ander als het kwijt is.",
  tokenGroup: "Resourcegroep van de host",
  tokenName: "Naam van de host",
  tokenNameHint: "Leeg: de eigen naam van de host",
  tokenHours: "Geldig",
  tokenHour: { one: "{count} uur", other: "{count} uur" },
  tokenMake: "Een token maken",
  tokenAgain: "Nog een token maken",
  tokenReady: "Het token is klaar, en geldig tot {when}.",
  tokenStep1: "Installeer Outofband op de host.",
  tokenStep2: "Voer daar dit uit, en plak het token wanneer erom wordt gevraagd:",
  tokenStep3: "Start daarna de agent, of de service ervan:",
  tokenStep4: "De host verschijnt hier binnen enkele seconden.",
  tokenSecret: "Wie het token heeft, kan hier één host aansluiten: geef het door als een geheim.",
});
