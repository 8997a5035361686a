import { inWordsOf } from "../catalogue";
import type { nic as english } from "../en/nic";

export const nic = inWordsOf<typeof english>()({
  title: "Réinitialiser la carte",
  page: "Réinitialiser l'interface réseau",
  intro:
    "Pour un invité dont les réglages réseau sont faux : une carte désactivée, une mauvaise adresse, des restes d'un autre réseau.",
  now: "L'interface maintenant",
  fixed: "statique",
  dynamic: "dynamique",
  mac: "Adresse MAC",
  what1: "L'interface reçoit une autre adresse privée, et avec elle une autre adresse MAC.",
  what2: "La machine redémarre. Son invité trouve une carte qu'il n'a jamais vue et redemande son adresse.",
  what2Off: "La machine est arrêtée : son invité trouvera la nouvelle carte à son prochain démarrage.",
  what3:
    "Une adresse dynamique le reste, sauf si vous en nommez une : elle est statique ensuite. L'adresse publique reste.",
  loss1: "L'adresse privée change : ce qui la nomme ailleurs doit suivre.",
  loss2:
    "L'invité est prié de s'arrêter, et forcé après 90 secondes ; ce qu'il n'a pas écrit sur ses disques est perdu.",
  loss3: "Tous ceux qui sont connectés à la machine sont coupés.",
  wanted: "Nouvelle adresse privée",
  wantedHint:
    "Sans indication, une adresse libre de son sous-réseau est choisie, que l'invité ne prend pas pour l'ancienne.",
  wrong: "Une adresse IPv4",
  same: "Elle a déjà cette adresse",
  reset: "Réinitialiser",
  ask: "Réinitialiser l'interface réseau de {name} ?",
  change: "Adresse privée : {before} devient {after}.",
  doneTitle: "La machine a une autre carte",
  doneTitleOff: "La machine recevra une autre carte à son prochain démarrage",
  became: "{address}, adresse MAC {mac} ; avant : {addressBefore}, {macBefore}.",
  next: "L'invité peut mettre quelques minutes à démarrer. Ne répond-il toujours pas ?",
  undo: "Remettre l'ancienne adresse",
  askUndo: "Remettre l'ancienne adresse de {name} ?",
  undoNote: "Son ancienne adresse MAC revient avec elle.",
  free: "une adresse libre de son sous-réseau",
  underWay:
    "L'interface reçoit sa nouvelle adresse et sa nouvelle carte, et la machine redémarre avec elles.",
  underWayOff: "L'interface reçoit sa nouvelle adresse et sa nouvelle carte, et l'hôte est informé.",
  notice: "Réinitialiser l'interface réseau de {name}",
});
