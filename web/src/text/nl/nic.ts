import { inWordsOf } from "../catalogue";
import type { nic as english } from "../en/nic";

export const nic = inWordsOf<typeof english>()({
  title: "NIC opnieuw instellen",
  page: "De netwerkinterface opnieuw instellen",
  intro:
    "Voor een gast waarvan de netwerkinstellingen niet kloppen: een kaart die is uitgeschakeld, een verkeerd adres, resten van een ander netwerk.",
  now: "De interface nu",
  fixed: "statisch",
  dynamic: "dynamisch",
  mac: "MAC-adres",
  what1: "De interface krijgt een ander privéadres, en daarmee een ander MAC-adres.",
  what2:
    "De machine start opnieuw. De gast vindt een kaart die hij nooit heeft gezien en vraagt opnieuw om zijn adres.",
  what2Off: "De machine staat uit: de gast vindt de nieuwe kaart bij de volgende start.",
  what3:
    "Een dynamisch adres blijft dynamisch, tenzij u er een noemt: dat is daarna statisch. Het openbare adres blijft.",
  loss1: "Het privéadres verandert: wat het elders noemt, moet volgen.",
  loss2:
    "De gast wordt gevraagd af te sluiten, en na 90 seconden gedwongen; wat hij niet naar zijn schijven heeft geschreven, gaat verloren.",
  loss3: "Iedereen die met de machine verbonden is, wordt afgebroken.",
  wanted: "Nieuw privéadres",
  wantedHint:
    "Laat u het leeg, dan wordt een vrij adres van het subnet gekozen dat de gast niet voor zijn oude houdt.",
  wrong: "Een IPv4-adres",
  same: "Dit adres heeft zij al",
  reset: "Opnieuw instellen",
  ask: "De netwerkinterface van {name} opnieuw instellen?",
  change: "Privéadres: {before} wordt {after}.",
  doneTitle: "De machine heeft een andere kaart",
  doneTitleOff: "De machine krijgt bij de volgende start een andere kaart",
  became: "{address}, MAC-adres {mac}; daarvoor: {addressBefore}, {macBefore}.",
  next: "De gast heeft soms enkele minuten nodig om te starten. Antwoordt hij dan nog niet?",
  undo: "Het oude adres terugzetten",
  askUndo: "Het oude adres van {name} terugzetten?",
  undoNote: "Het oude MAC-adres komt mee terug.",
  free: "een vrij adres van het subnet",
  underWay: "De interface krijgt haar nieuwe adres en kaart, en de machine start daarmee opnieuw.",
  underWayOff: "De interface krijgt haar nieuwe adres en kaart, en de host hoort ervan.",
  notice: "De netwerkinterface van {name} opnieuw instellen",
});
