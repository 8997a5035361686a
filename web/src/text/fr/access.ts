import { inWordsOf } from "../catalogue";
import type { access as english } from "../en/access";

export const access = inWordsOf<typeof english>()({
  add: "Ajouter un rôle",
  here: "Attribués ici",
  group: "Hérités du groupe de ressources {name}",
  subscription: "Hérités de l'abonnement {name}",
  root: "Hérités de l'ensemble de ce plan de contrôle",
  nobody: "Personne n'a de rôle ici.",
  nobodyHere: "Aucun rôle n'est attribué dans cette étendue même ; ceux qui suivent viennent de plus haut.",

  who: "Qui",
  role: "Rôle",
  since: "Depuis",
  actions: "Actions",
  user: "Utilisateur",
  servicePrincipal: "Principal de service",
  unknown: "Inconnu",
  unknownHint:
    "L'annuaire n'a pas de nom pour cet identifiant : il a été supprimé, ou vous ne pouvez pas lire l'annuaire.",
  you: "vous",
  by: "attribué par {name}",
  remove: "Retirer",
  removeFor: "Retirer {role} à {name}",

  addTitle: "Ajouter un rôle",
  addTitleFor: "Ajouter un rôle pour {name}",
  addRole: "Rôle",
  addWho: "Utilisateur, groupe ou principal de service",
  addWhoHint: "Saisissez une partie du nom",
  addNobody: "Personne n'a un tel nom.",
  addScope: "Où il vaut",
  addScopeVm: "Cette machine : {name}",
  addScopeGroup: "Son groupe de ressources : {name}",
  addScopeSubscription: "Son abonnement : {name}",
  addScopeWhole: "L'ensemble de ce plan de contrôle",
  choose: "Choisir",
  users: "Utilisateurs",
  servicePrincipals: "Principaux de service",
  principalGroup: "Groupe",
  groups: "Groupes",
  addMissingRole: "Choisissez un rôle.",
  addMissingWho: "Choisissez dans la liste qui le reçoit.",
  addSubmit: "Ajouter",

  removeTitle: "Retirer {role} à {name} ?",
  removeLoss:
    "{name} perd ce que ce rôle permet sur {scope} et en dessous. Les sessions de console qui en dépendent prennent fin.",
  removeSelf: "C'est le vôtre : vous ne pourrez peut-être pas vous le rendre.",
  removeLastOwner:
    "C'est le dernier rôle Owner qui vaut ici : plus personne d'autre ne pourrait y attribuer de rôles.",

  noticeAdd: "Attribuer à {name} le rôle {role}",
  noticeRemove: "Retirer {role} à {name}",
  whyRight:
    "Vous n'avez ici aucun rôle qui contient {action}. Demandez à un Owner ou à un User Access Administrator.",
  whereRoot: "l'ensemble du plan de contrôle",
});
