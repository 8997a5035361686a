import { inWordsOf } from "../catalogue";
import type { users as english } from "../en/users";

export const users = inWordsOf<typeof english>()({
  title: "Gebruikers",
  subtitle:
    "Wie zich hier kan aanmelden. Wat iemand mag, wijst u toe onder Toegang van een machine, of van waar die in zit.",
  add: "Een gebruiker toevoegen",
  addButton: "Toevoegen",
  addText:
    "Er wordt een wachtwoord gemaakt en één keer getoond. Het moet bij de eerste aanmelding worden gewijzigd.",
  whyNotMore:
    "Waar die is aangemeld, en de tweede factoren, ziet alleen wie een rol met {action} op de hele control plane heeft.",
  search: "Zoeken op naam",
  none: "Er zijn geen gebruikers",
  about: "Over dit account",
  objectId: "Object-id",
  userName: "Gebruikersnaam",
  displayName: "Weergavenaam",
  completed: "{name}@{domain}",
  needed: "Een gebruikersnaam is nodig.",
  state: "Toestand",
  enabled: "Ingeschakeld",
  disabled: "Uitgeschakeld",
  since: "Sinds",
  actions: "Acties",
  actionsOf: "Acties voor {name}",
  you: "u",

  reset: "Het wachtwoord opnieuw instellen",
  resetTitle: "Het wachtwoord van {name} opnieuw instellen?",
  resetLoss1: "Het oude wachtwoord werkt niet meer, en alle aanmeldingen van deze persoon worden afgemeld.",
  resetLoss2: "Er wordt een nieuw gemaakt en één keer getoond, aan u.",
  disable: "Uitschakelen",
  disableTitle: "{name} uitschakelen?",
  disableLoss1:
    "Deze persoon kan zich niet meer aanmelden; lopende aanmeldingen, ook open consoles, eindigen meteen.",
  disableLoss2: "De rollen blijven, voor wanneer het account weer wordt ingeschakeld.",
  enable: "Inschakelen",
  enableTitle: "{name} inschakelen?",
  enableLoss:
    "Deze persoon kan zich weer aanmelden, met hetzelfde wachtwoord en dezelfde rollen als voorheen.",
  remove: "Verwijderen",
  removeTitle: "{name} verwijderen?",
  removeLoss1:
    "Deze persoon kan zich niet meer aanmelden; lopende aanmeldingen, ook open consoles, eindigen meteen.",
  removeLooking: "Wat er mee verdwijnt, wordt opgezocht",
  removeRole: "{role} op {scope}",
  removeWith: {
    one: "Wat er mee verdwijnt: rollen: {roles}; groepen: {groups}; {count} aanmelding.",
    other: "Wat er mee verdwijnt: rollen: {roles}; groepen: {groups}; {count} aanmeldingen.",
  },
  removeLoss2:
    "De rollen worden ingetrokken. Dit kan niet ongedaan worden gemaakt; het activiteitenlogboek bewaart wat deze persoon deed.",

  passwordTitle: "Het wachtwoord van {name}",
  password: "Wachtwoord",
  passwordNext:
    "Geef het op een veilige manier door; bij de eerste aanmelding moet een nieuw worden gekozen.",

  noticeAdd: "Gebruiker {name} toevoegen",
  noticeReset: "Het wachtwoord van {name} opnieuw instellen",
  noticeEnable: "Gebruiker {name} inschakelen",
  noticeDisable: "Gebruiker {name} uitschakelen",
  noticeRemove: "Gebruiker {name} verwijderen",
});
