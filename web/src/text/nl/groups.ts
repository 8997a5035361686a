import { inWordsOf } from "../catalogue";
import type { groups as english } from "../en/groups";

export const groups = inWordsOf<typeof english>()({
  subtitle: "Wat een groep mag, mogen alle leden ervan, ook via groepen in groepen.",
  add: "Een groep toevoegen",
  addButton: "Toevoegen",
  save: "Opslaan",
  search: "Zoeken op naam of beschrijving",
  none: "Er zijn nog geen groepen",
  noneHint: "Een groep krijgt één keer een rol; daarna hoeft u er alleen personen in te zetten.",
  name: "Naam",
  description: "Beschrijving",
  kind: "Soort",
  needed: "Een naam is nodig.",
  about: "Groep",
  change: "Naam wijzigen",
  changeTitle: "{name} wijzigen",
  remove: "Verwijderen",
  removeTitle: "{name} verwijderen?",
  removeLossMembers:
    "De leden verliezen vanaf hun volgende aanvraag de rollen die ze door de groep hebben; zelf blijven ze.",
  removeLoss: {
    one: "Het {count} lid verliest vanaf de volgende aanvraag de rollen die het door de groep heeft; het account blijft.",
    other:
      "De {count} leden verliezen vanaf hun volgende aanvraag de rollen die ze door de groep hebben; zelf blijven ze.",
  },
  removeLossEver: "De eigen rollen worden ingetrokken. Dit kan niet ongedaan worden gemaakt.",

  members: "Leden",
  noMembers: "Er zit nog niemand in.",
  addMember: "Een lid toevoegen",
  addMemberTitle: "Een lid toevoegen aan {group}",
  addMemberHint: "Een groep kan in een groep zitten, hoogstens acht diep.",
  removeMember: "{name} uit {group} verwijderen",
  memberRemoved: "{name} zit niet meer in {group}.",

  noticeAdd: "Groep {name} toevoegen",
  noticeChange: "Groep {name} wijzigen",
  noticeRemove: "Groep {name} verwijderen",
  noticeAddMember: "{name} aan {group} toevoegen",
  noticeRemoveMember: "{name} uit {group} verwijderen",
});
