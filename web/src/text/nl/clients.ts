import { inWordsOf } from "../catalogue";
import type { clients as english } from "../en/clients";

export const clients = inWordsOf<typeof english>()({
  client: "Client",
  subtitle:
    "Programma's die zichzelf aanmelden, met een geheim of een certificaat. Azure noemt ze app-registraties.",
  add: "Een client toevoegen",
  addText: "De client krijgt een client-id. Geef daarna een geheim of een certificaat, en een rol.",
  search: "Zoeken op naam of client-id",
  none: "Er zijn nog geen clients",
  noneHint: "Een script, een pipeline of een back-up meldt zich zo aan, nooit als een persoon.",
  unknown: "Zo'n client is er niet",
  unknownHint: "De client is verwijderd, of de id is verkeerd getypt.",
  id: "Client-id",
  tenant: "Tenant-id",
  about: "Client",
  proofs: "Geheimen en certificaten",
  noProof: "Geen",
  notIn: "Kan zich niet aanmelden",
  letIn: "Laten aanmelden",
  builtIn: "die van de control plane zelf",
  whyBuiltIn: "Die van de control plane zelf: oob meldt zich er op de host ervan mee aan.",

  disableTitle: "{name} uitschakelen?",
  disableLoss1:
    "De client kan zich niet meer aanmelden, en de tokens ervan worden bij het volgende gebruik geweigerd.",
  disableLoss2:
    "De geheimen, certificaten en rollen blijven, voor wanneer de client weer wordt ingeschakeld.",
  enableTitle: "{name} inschakelen?",
  enableLoss: "De client kan zich weer aanmelden met de geheimen, certificaten en rollen die er zijn.",
  removeTitle: "{name} verwijderen?",
  removeLoss1:
    "De client kan zich niet meer aanmelden. De geheimen ({secrets}) en certificaten ({certificates}), de rollen en de plaats in groepen verdwijnen mee.",
  removeLoss2: "Dit kan niet ongedaan worden gemaakt. Schakel de client uit om die een tijd stil te leggen.",

  label: "Beschrijving",
  labelHint: "Waarvoor het dient: een host, een pipeline.",
  unnamed: "zonder beschrijving",
  ends: "Verloopt",
  ofProgram: "van de service-principal",
  good: "Geldig",
  soon: { one: "Verloopt over {count} dag", other: "Verloopt over {count} dagen" },
  today: "Verloopt binnen een dag",
  over: "Verlopen",
  later: "Nog niet geldig",
  removeOne: "{name} verwijderen",
  removeProofLoss:
    "Wat zich hiermee aanmeldt als {name}, wordt geweigerd, en de tokens die ervoor zijn gegeven, eindigen. Dit kan niet ongedaan worden gemaakt: voeg eerst de opvolger toe.",

  secrets: "Geheimen",
  secret: "Geheim",
  noSecrets: "Er zijn er geen.",
  hint: "Begint met",
  addSecret: "Een geheim toevoegen",
  goodFor: "Geldig",
  days: "{count} dagen",
  secretTitle: "Een nieuw geheim van {name}",
  secretNext:
    "Wie het heeft, kan zich als deze client aanmelden. Bewaar het waar het programma het leest, en nergens anders.",
  removeSecretTitle: "Het geheim {name} verwijderen?",

  certificates: "Certificaten",
  noCertificates: "Er zijn er geen.",
  thumbprint: "Vingerafdruk",
  addCertificate: "Een certificaat toevoegen",
  file: "Bestand",
  fileHint: "PEM. Een privésleutel erin blijft in deze browser; alleen het certificaat wordt verzonden.",
  pem: "Certificaat",
  pemNeeded: "Er is precies één certificaat in PEM nodig, vanaf -----BEGIN CERTIFICATE-----.",
  certificateLabelHint: "Leeg: de naam die in het certificaat staat.",
  removeCertificateTitle: "Het certificaat {name} verwijderen?",

  noticeAdd: "Client {name} toevoegen",
  noticeLetIn: "Client {name} laten aanmelden",
  noticeEnable: "Client {name} inschakelen",
  noticeDisable: "Client {name} uitschakelen",
  noticeRemove: "Client {name} verwijderen",
  noticeAddSecret: "Een geheim toevoegen aan {name}",
  noticeRemoveSecret: "Een geheim van {name} verwijderen",
  noticeAddCertificate: "Een certificaat toevoegen aan {name}",
  noticeRemoveCertificate: "Een certificaat van {name} verwijderen",
});
