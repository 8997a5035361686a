import { inWordsOf } from "../catalogue";
import type { sessions as english } from "../en/sessions";

export const sessions = inWordsOf<typeof english>()({
  title: "Connexions en cours",
  subtitle:
    "Navigateurs et programmes qui agissent en votre nom. Fermez ce que vous ne connaissez pas, puis changez votre mot de passe.",
  table: "Connexions",
  none: "Nulle part en ce moment.",
  program: "Avec",
  browser: "Un navigateur",
  address: "Depuis l'adresse",
  proved: "Prouvée par",
  since: "Depuis",
  lastUsed: "Dernière utilisation",
  current: "celle-ci",
  end: "Fermer",
  endOne: "Fermer {what} depuis {address}",
  endOthers: "Se déconnecter ailleurs",
  endAll: "Se déconnecter partout",
  endButton: "Déconnecter",
  endTitle: "Fermer la connexion avec {what} depuis {address} ?",
  othersTitle: "Se déconnecter partout sauf ici ?",
  allTitle: "Se déconnecter partout ?",
  allTitleOf: "Déconnecter {name} partout ?",
  loss: "Ce qui y est ouvert prend fin tout de suite, consoles comprises ; pour continuer, il faut se reconnecter.",
  lossDevices: "Les lignes de commande et autres programmes doivent aussi se reconnecter.",
  lossHere: "Ce navigateur en fait partie : vous êtes déconnecté ici.",
  methodPassword: "mot de passe",
  methodApp: "application",
  methodPasskey: "clé d'accès",
  methodRecovery: "code de récupération",
  noticeEnd: "Fermer la connexion avec {what}",
  noticeOthers: "Se déconnecter ailleurs",
  noticeAll: "Se déconnecter partout",

  factors: "Seconds facteurs",
  factorName: "Nom",
  factorKind: "Type",
  factorApp: "Application d'authentification",
  factorPasskey: "Clé d'accès",
  factorFor: "Clé d'accès pour {host}",
  factorAdded: "Ajouté",
  never: "jamais",
  noFactors:
    "Aucun. Pour en configurer un, il faut la personne elle-même, devant un navigateur : sous /account/factors.",
  noFactorsRequired: "Aucun, bien qu'il en faille un : la prochaine connexion mène à sa configuration.",
  codesLeft: { one: "{count} code de récupération restant", other: "{count} codes de récupération restants" },
  reset: "Réinitialiser",
  resetTitle: "Retirer tous les seconds facteurs de {name} ?",
  resetLoss1:
    "Applications, clés d'accès et codes de récupération cessent de fonctionner, et toutes les connexions prennent fin.",
  resetLoss2:
    "Jusqu'à ce qu'un nouveau soit configuré, le mot de passe suffit pour se connecter ; là où un facteur est exigé, qui a le mot de passe le configure.",
  resetReason: "Pourquoi",
  resetReasonHint:
    "Pour le journal d'activité : qui l'a demandé, et comment vous savez que c'est bien cette personne.",
  noticeReset: "Retirer les seconds facteurs de {name}",
});
