import { inWordsOf } from "../catalogue";
import type { subscription as english } from "../en/subscription";

export const subscription = inWordsOf<typeof english>()({
  title: "Abonnement",
  choose: "Abonnement",
  id: "Abonnements-id",
  state: "Toestand",
  name: "Naam",
  none: "U hebt in geen enkel abonnement een rol",
  noneHint: "Vraag een Owner om een rol, en kom dan terug.",

  console: "Seriële console",
  consoleOn: "Ingeschakeld: machines van dit abonnement zijn via hun consoles bereikbaar.",
  consoleOff: "Uitgeschakeld: geen console van dit abonnement gaat open, voor niemand.",
  consoleDisable: "De seriële console uitschakelen",
  consoleEnable: "De seriële console inschakelen",
  disableConfirm: "Uitschakelen",
  disableTitle: "De seriële console van {name} uitschakelen?",
  disableLoss1: "Alle open consolesessies van dit abonnement eindigen meteen, ook die van u.",
  disableLoss2: "Niemand kan een console van de machines openen totdat die weer is ingeschakeld.",
  disableLoss3: "Consoles blijven op de hosts opgenomen; niets van wat machines afdrukken, gaat verloren.",
  whyRight: "U hebt op dit abonnement geen rol met {action}. Vraag het een Owner of een Contributor.",
  noticeDisable: "De seriële console van {name} uitschakelen",
  noticeEnable: "De seriële console van {name} inschakelen",
  access: "Toegang",
});
