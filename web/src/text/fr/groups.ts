import { inWordsOf } from "../catalogue";
import type { groups as english } from "../en/groups";

export const groups = inWordsOf<typeof english>()({
  subtitle:
    "Ce qu'un groupe peut faire, tous ses membres le peuvent, aussi par des groupes dans des groupes.",
  add: "Ajouter un groupe",
  addButton: "Ajouter",
  save: "Enregistrer",
  search: "Rechercher par nom ou description",
  none: "Il n'y a pas encore de groupe",
  noneHint: "Un groupe reçoit un rôle une fois ; il suffit ensuite d'y mettre des personnes.",
  name: "Nom",
  description: "Description",
  kind: "Type",
  needed: "Un nom est nécessaire.",
  about: "Groupe",
  change: "Renommer",
  changeTitle: "Modifier {name}",
  remove: "Supprimer",
  removeTitle: "Supprimer {name} ?",
  removeLossMembers:
    "Ses membres perdent les rôles qu'ils ont par lui, dès leur prochaine demande ; eux-mêmes restent.",
  removeLoss: {
    one: "Son {count} membre perd les rôles qu'il a par le groupe, dès sa prochaine demande ; le compte reste.",
    other:
      "Ses {count} membres perdent les rôles qu'ils ont par lui, dès leur prochaine demande ; eux-mêmes restent.",
  },
  removeLossEver: "Ses propres rôles sont retirés. C'est irréversible.",

  members: "Membres",
  noMembers: "Personne n'en fait encore partie.",
  addMember: "Ajouter un membre",
  addMemberTitle: "Ajouter un membre à {group}",
  addMemberHint: "Un groupe peut être dans un groupe, sur huit niveaux au plus.",
  removeMember: "Retirer {name} de {group}",
  memberRemoved: "{name} ne fait plus partie de {group}.",

  noticeAdd: "Ajouter le groupe {name}",
  noticeChange: "Modifier le groupe {name}",
  noticeRemove: "Supprimer le groupe {name}",
  noticeAddMember: "Ajouter {name} à {group}",
  noticeRemoveMember: "Retirer {name} de {group}",
});
