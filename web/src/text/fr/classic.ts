import { inWordsOf } from "../catalogue";
import type { classic as english } from "../en/classic";

export const classic = inWordsOf<typeof english>()({
  title: "Machines virtuelles (classiques)",
  intro: "Vues de machines virtuelles selon le modèle de déploiement classique, avec points de terminaison.",
  kind: "Machine virtuelle (classique)",
  search: "Rechercher des machines virtuelles classiques",
  none: "Il n'y a aucune machine virtuelle classique",
  noneHint: "On en crée une par l'API, comme vue d'une machine virtuelle présente ici.",
  state: "État",
  service: "Service cloud",
  system: "Système d'exploitation",
  behind: "Machine virtuelle",
  shutdown: "Arrêter",
  resetRemoteAccess: "Réinitialiser l'accès à distance",
  ask: "{what} : {name} ?",
  resetLoss:
    "L'accès à distance de l'invité revient à son état de livraison ; des connexions ouvertes peuvent être coupées.",
  fetch: "Obtenir le journal et l'écran",
  log: "Ce qu'elle a écrit",
  picture: "Ce que montre son écran",
  endpoints: "Points de terminaison",
  endpointsNote: "La machine est joignable par ceux-ci et par rien d'autre",
  noRdp: "Aucun point de terminaison ne mène au Bureau à distance (port TCP 3389)",
  addRdp: "Ajouter le point de terminaison manquant",
  publicPort: "Port public",
  privatePort: "Port privé",
  remove: "Supprimer",
  removeOne: "Supprimer le point de terminaison {name}",
  save: "Enregistrer",
  needBoth: "Un nom d'utilisateur et un mot de passe sont nécessaires",
  noticeEndpoints: "Points de terminaison de {name}",
});
