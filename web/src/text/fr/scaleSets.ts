import { inWordsOf } from "../catalogue";
import type { scaleSets as english } from "../en/scaleSets";

export const scaleSets = inWordsOf<typeof english>()({
  one: "Groupe identique",
  kind: "Groupe identique, mises à jour : {mode}",
  intro: "Des machines d'un même modèle, autant qu'on en demande. Chacune a sa propre console série.",
  search: "Rechercher des groupes identiques",
  none: "Il n'y a pas de groupe identique",
  noneHint: "Créez-en un dans un terminal :",
  name: "Nom",
  instances: "Nombre d'instances",
  updates: "Mises à jour",
  empty: "Il n'a aucune instance",
  emptyHint: "Augmentez sa capacité dans un terminal :",
  instanceOf: "Instance du groupe identique {name}",
  goneList: "Toutes les instances de {name}",

  model: "Modèle",
  latest: "Le dernier",
  stale: "Pas le dernier modèle",
  staleHint:
    "Le groupe identique a été modifié après la création de cette instance. Elle fonctionne comme avant ; ce qui a été modifié, les diagnostics de démarrage par exemple, vient avec une mise à jour.",
  upgrade: { one: "Mettre à jour {count} instance", other: "Mettre à jour {count} instances" },
  upgradeVerb: "Mettre à jour",
  upgradeTitle: {
    one: "Amener {count} instance au dernier modèle ?",
    other: "Amener {count} instances au dernier modèle ?",
  },
  upgradeLoss1:
    "Là où la taille a été modifiée, l'invité est redémarré : ce qui n'est pas enregistré est perdu.",
  upgradeLoss2: "Là où l'image a été modifiée, le disque est recréé : tout ce qui s'y trouve est perdu.",
  noticeUpgrade: { one: "Mettre à jour {name}", other: "Mettre à jour {count} instances de {name}" },
});
