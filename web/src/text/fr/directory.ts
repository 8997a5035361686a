import { inWordsOf } from "../catalogue";
import type { directory as english } from "../en/directory";

export const directory = inWordsOf<typeof english>()({
  subtitle: "Utilisateurs, groupes, membres, clients et leurs certificats en un document JSON.",
  out: "Exporter",
  outText:
    "Le fichier ne contient ni mot de passe ni secret. Les rôles et les seconds facteurs n'y sont pas.",
  download: "Télécharger",
  outHashes:
    "Pour emporter les mots de passe et les secrets, il faut leurs hachages ; quiconque a ce fichier peut essayer de les deviner. Cela passe par la ligne de commande :",

  in: "Importer",
  inText:
    "Crée ce qui manque, modifie ce qui diffère, ne supprime rien. Le fichier est d'abord essayé : vous voyez ce qui changerait avant que cela ne change.",
  file: "Fichier JSON",
  trying: "Essai en cours",
  changes: "Modifications",
  what: "Modification",
  create: "créé",
  update: "modifié",
  addMember: "membre ajouté",
  addOwner: "propriétaire ajouté",
  addSecret: "secret ajouté",
  addCertificate: "certificat ajouté",
  nothing: "{name} ne change rien : tout ce qui s'y trouve est déjà là.",
  would: {
    one: "{name} ferait {count} modification. Rien n'est encore fait.",
    other: "{name} ferait {count} modifications. Rien n'est encore fait.",
  },
  done: {
    one: "{name} est importé : {count} modification.",
    other: "{name} est importé : {count} modifications.",
  },
  bring: "L'importer",
  bringTitle: "Importer {name} ?",
  bringLoss1: {
    one: "{count} modification est faite, entièrement ou pas du tout.",
    other: "{count} modifications sont faites, toutes ou aucune.",
  },
  bringLoss2: "Un autre import ne l'annule pas : ce qu'il crée se supprime à la main.",
  notTitle: "Ce n'est pas un document d'annuaire",
  notMessage: "Le fichier n'est pas du JSON.",
  notCause: "C'est peut-être du YAML, un fichier tronqué ou tout autre chose.",
  notRemedy: "Choisissez un fichier téléchargé ici, ou écrit par `oob identity export`.",
  noticeExport: "Exporter l'annuaire",
  noticeImport: "Importer un document d'annuaire",
});
