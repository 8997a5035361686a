import { inWordsOf } from "../catalogue";
import type { api as english } from "../en/api";

export const api = inWordsOf<typeof english>()({
  title: "API",
  subtitle:
    "Tous les appels de l'API REST, exécutés en votre nom. Les mêmes appels fonctionnent avec les clients d'Azure.",
  search: "Rechercher dans les appels",
  searchHint: "Rechercher : disable console, virtualMachines, PUT",
  calls: "Appels",
  group: { one: "{name} ({count})", other: "{name} ({count})" },
  other: "Autres",
  nothing: "Aucun appel ne correspond. Essayez une partie du chemin ou de ce qu'il fait.",
  consoleSwitch: "Consoles série d'un abonnement",
  chooseTitle: "Choisissez un appel",
  chooseText:
    "Ses paramètres sont remplis autant qu'ils sont connus. Rien n'est envoyé avant que vous ne l'exécutiez.",
  inPath: "{name}",
  inQuery: "{name} (requête)",
  inHeader: "{name} (en-tête)",
  missing: "Cette valeur est nécessaire.",
  body: "Corps",
  notJson: "Ce n'est pas du JSON : {detail}",
  run: "Exécuter",
  copyCurl: "Copier pour curl",
  confirmTitle: "Exécuter cette suppression ?",
  confirmDelete: "Supprimer",
  confirmLoss: "Ce qui se trouve à {address} est supprimé, sans retour possible.",
  result: "Résultat",
  took: "{ms} ms",
  follow: "Voir où en est l'opération",
  copyBody: "Copier le corps",
  noBody: "La réponse n'a pas de corps.",
  headers: "En-têtes de la réponse",
});
