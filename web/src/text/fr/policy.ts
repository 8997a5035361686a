import { inWordsOf } from "../catalogue";
import type { policy as english } from "../en/policy";

export const policy = inWordsOf<typeof english>()({
  subtitle: "Ce qu'il faut pour se connecter, pour tout le monde de ce plan de contrôle.",
  mfa: "Second facteur",
  on: "Exigé de tout le monde",
  off: "Non exigé : il est demandé à qui en a configuré un, et pas aux autres",
  start: "L'exiger",
  stop: "Ne plus l'exiger",
  about:
    "Une application ou une clé d'accès en plus du mot de passe, pour le portail, az, oob et les consoles ouvertes. Il n'est pas demandé aux programmes dotés d'un secret ou d'un certificat.",
  changed: "Modifié {when} par {name}.",

  without: "Qui n'en a pas encore",
  withoutNone: {
    one: "La seule personne qui peut se connecter en a un.",
    other: "Les {count} personnes qui peuvent se connecter en ont toutes un.",
  },
  withoutSome: {
    one: "{count} personne sur les {people} qui peuvent se connecter n'a pas de second facteur.",
    other: "{count} personnes sur les {people} qui peuvent se connecter n'ont pas de second facteur.",
  },
  withoutMore: { one: "et {count} autre", other: "et {count} autres" },

  startTitle: "Exiger un second facteur de tout le monde ?",
  startButton: "L'exiger",
  lossNobody: {
    one: "La seule personne qui peut se connecter en a déjà un.",
    other: "Les {count} personnes en ont déjà toutes un.",
  },
  lossPeople: {
    one: "{count} personne sur {people} n'en a pas, et devra d'abord en configurer un à sa prochaine connexion.",
    other:
      "{count} personnes sur {people} n'en ont pas, et devront d'abord en configurer un à leur prochaine connexion.",
  },
  lossNames: "Ce sont : {names}.",
  lossSessions: {
    one: "{count} connexion se poursuit sans : le facteur lui est demandé à sa prochaine requête, et ses consoles ouvertes prennent fin tout de suite.",
    other:
      "{count} connexions se poursuivent sans : le facteur leur est demandé à leur prochaine requête, et leurs consoles ouvertes prennent fin tout de suite.",
  },
  lossUnknown:
    "Qui n'en a pas, et combien de connexions se poursuivent sans, n'est pas connu pour le moment.",
  lossLed:
    "Personne n'est exclu pour de bon : le mot de passe, puis la page, mènent à la configuration d'un facteur.",
  lossYou:
    "Vous n'en avez pas vous-même : il vous est demandé d'en configurer un maintenant, avant toute chose.",
  stopTitle: "Ne plus exiger de second facteur ?",
  stopButton: "Ne pas l'exiger",
  stopLoss1: "Qui n'en a pas se connecte avec le seul mot de passe.",
  stopLoss2: "Il reste demandé à qui en a un.",
  noticeOn: "Exiger un second facteur",
  noticeOff: "Ne pas exiger de second facteur",
});
