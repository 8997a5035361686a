import { inWordsOf } from "../catalogue";
import type { subscription as english } from "../en/subscription";

export const subscription = inWordsOf<typeof english>()({
  title: "Abonnement",
  choose: "Abonnement",
  id: "ID d'abonnement",
  state: "État",
  name: "Nom",
  none: "Vous n'avez de rôle dans aucun abonnement",
  noneHint: "Demandez à un Owner de vous attribuer un rôle, puis revenez.",

  console: "Console série",
  consoleOn: "Activée : les machines de cet abonnement sont accessibles par leurs consoles.",
  consoleOff: "Désactivée : aucune console de cet abonnement ne s'ouvre, pour personne.",
  consoleDisable: "Désactiver la console série",
  consoleEnable: "Activer la console série",
  disableConfirm: "Désactiver",
  disableTitle: "Désactiver la console série de {name} ?",
  disableLoss1:
    "Toutes les sessions de console ouvertes de cet abonnement prennent fin tout de suite, les vôtres comprises.",
  disableLoss2: "Personne ne peut ouvrir une console de ses machines avant qu'elle ne soit réactivée.",
  disableLoss3:
    "Les consoles restent enregistrées sur les hôtes ; rien de ce qu'affichent les machines n'est perdu.",
  whyRight:
    "Vous n'avez aucun rôle qui contient {action} sur cet abonnement. Demandez à un Owner ou à un Contributor.",
  noticeDisable: "Désactiver la console série de {name}",
  noticeEnable: "Activer la console série de {name}",
  access: "Accès",
});
