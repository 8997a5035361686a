import { inWordsOf } from "../catalogue";
import type { machines as english } from "../en/machines";

export const machines = inWordsOf<typeof english>()({
  title: "Machines",
  intro:
    "Serveurs et hôtes de machines virtuelles dotés d'un agent. L'agent appelle vers l'extérieur et n'écoute sur aucun port.",
  count: { one: "{count} machine", other: "{count} machines" },
  countOf: "{shown} machines sur {count}",
  add: "Ajouter un serveur",
  filter: "Filtrer par nom, état, groupe, système ou étiquette",
  noMatch: "Aucune machine ne correspond au filtre",

  columnName: "Nom",
  columnState: "État",
  columnVms: "Machines virtuelles",
  columnAgent: "Version de l'agent",
  columnHeartbeat: "Dernier battement",
  columnSystem: "Système",
  columnLocation: "Emplacement",
  columnGroup: "Groupe de ressources",
  columnTags: "Étiquettes",
  table: "Machines connectées",

  stateConnected: "Connectée",
  stateDisconnected: "Déconnectée",
  stateExpired: "Expirée",
  stateAwaiting: "En attente de connexion",
  stateError: "Erreur",
  stateUnknown: "État inconnu",
  hintDisconnected:
    "L'agent est arrêté, le serveur est éteint, ou son réseau est coupé. La machine revient d'elle-même quand son agent revient.",
  hintExpired:
    "Le certificat de la machine a pris fin : elle a été absente trop longtemps pour le renouveler. Sur le serveur, déconnectez-la puis reconnectez-la.",
  hintAwaiting:
    "La machine a été créée ici, et son agent ne l'a pas encore réclamée. La même commande, relancée sur le serveur, reprend là où elle s'est arrêtée.",
  hintError: "L'agent ou le plan de contrôle signale un problème de la machine.",
  hintUnknown: "Le plan de contrôle indique un état que ce portail ne connaît pas. Rechargez la page.",
  errors: { one: "{count} problème", other: "{count} problèmes" },
  monitor: "Observation seule",
  monitorHint: "La stratégie propre de l'hôte ne laisse personne saisir et refuse toute commande.",
  notSaid: "Non communiqué",
  vms: { one: "{count} machine virtuelle", other: "{count} machines virtuelles" },
  showVms: {
    one: "{count} machine virtuelle sur {name}",
    other: "{count} machines virtuelles sur {name}",
  },

  emptyTitle: "Pas encore de machine",
  emptyHint:
    "Un serveur se connecte par un script que vous y exécutez : avec votre propre connexion, avec un principal de service pour de nombreux serveurs, ou avec un jeton qui sert une seule fois.",
});
