import { inWordsOf } from "../catalogue";
import type { users as english } from "../en/users";

export const users = inWordsOf<typeof english>()({
  title: "Utilisateurs",
  subtitle:
    "Qui peut se connecter ici. Ce que quelqu'un peut faire s'attribue sous Accès d'une machine, ou de ce qui la contient.",
  add: "Ajouter un utilisateur",
  addButton: "Ajouter",
  addText: "Un mot de passe est créé et montré une fois. Il doit être changé à la première connexion.",
  whyNotMore:
    "Où il est connecté, et ses seconds facteurs, sont montrés à qui a un rôle qui contient {action} sur l'ensemble du plan de contrôle.",
  search: "Rechercher par nom",
  none: "Il n'y a pas d'utilisateur",
  about: "Compte",
  objectId: "ID d'objet",
  userName: "Nom d'utilisateur",
  displayName: "Nom complet",
  completed: "{name}@{domain}",
  needed: "Un nom d'utilisateur est nécessaire.",
  state: "État",
  enabled: "Activé",
  disabled: "Désactivé",
  since: "Depuis",
  actions: "Actions",
  actionsOf: "Actions pour {name}",
  you: "vous",

  reset: "Réinitialiser le mot de passe",
  resetTitle: "Réinitialiser le mot de passe de {name} ?",
  resetLoss1: "L'ancien mot de passe cesse de fonctionner, et toutes ses connexions sont fermées.",
  resetLoss2: "Un nouveau est créé et montré une fois, à vous.",
  disable: "Désactiver",
  disableTitle: "Désactiver {name} ?",
  disableLoss1:
    "Cette personne ne peut plus se connecter ; ses connexions en cours, consoles ouvertes comprises, prennent fin tout de suite.",
  disableLoss2: "Ses rôles restent, pour le moment où le compte sera réactivé.",
  enable: "Activer",
  enableTitle: "Activer {name} ?",
  enableLoss: "Cette personne peut de nouveau se connecter avec le mot de passe et les rôles qu'elle avait.",
  remove: "Supprimer",
  removeTitle: "Supprimer {name} ?",
  removeLoss1:
    "Cette personne ne peut plus se connecter ; ses connexions en cours, consoles ouvertes comprises, prennent fin tout de suite.",
  removeLooking: "Recherche de ce qui disparaît avec le compte",
  removeRole: "{role} sur {scope}",
  removeWith: {
    one: "Ce qui disparaît avec : rôles : {roles} ; groupes : {groups} ; {count} connexion.",
    other: "Ce qui disparaît avec : rôles : {roles} ; groupes : {groups} ; {count} connexions.",
  },
  removeLoss2:
    "Ses rôles sont retirés. C'est irréversible ; le journal d'activité garde ce que cette personne a fait.",

  passwordTitle: "Le mot de passe de {name}",
  password: "Mot de passe",
  passwordNext: "Remettez-le par une voie sûre ; un nouveau devra être choisi à la première connexion.",

  noticeAdd: "Ajouter l'utilisateur {name}",
  noticeReset: "Réinitialiser le mot de passe de {name}",
  noticeEnable: "Activer l'utilisateur {name}",
  noticeDisable: "Désactiver l'utilisateur {name}",
  noticeRemove: "Supprimer l'utilisateur {name}",
});
