import { inWordsOf } from "../catalogue";
import type { onboard as english } from "../en/onboard";

export const onboard = inWordsOf<typeof english>()({
  title: "Ajouter un serveur",
  intro: "Un script connecte le serveur à ce plan de contrôle. Il ne contient aucun secret.",
  way: "Comment le serveur rejoint",
  waySignIn: "Avec une connexion : azcmagent connect",
  wayToken: "Avec un jeton qui sert une fois : oob agent enroll",

  where: "À quoi il appartient",
  group: "Groupe de ressources de la machine",
  groupIn: "{group} ({subscription})",
  location: "Emplacement de la machine",
  locationHint:
    "L'abonnement a l'emplacement avec lequel il a commencé, et ceux de ses groupes de ressources.",
  tagsLabel: "Étiquettes de la machine",
  how: "Comment il est connecté",
  system: "Système d'exploitation",
  systemLinux: "Linux",
  systemWindows: "Windows",
  windowsNote:
    "Le script pour Windows a été écrit d'après des documents. Il n'a pas été vu sur un vrai serveur Windows, et l'agent lui-même n'y fonctionne pas encore : son installation s'arrête avec un message.",
  signIn: "Qui se connecte",
  signInPerson:
    "Un serveur ou quelques-uns : une personne se connecte à chacun, avec un code sur un autre appareil",
  signInProgram: "De nombreux serveurs avec le même script : un principal de service se connecte",
  programHint:
    "Il lui faut le rôle Azure Connected Machine Onboarding sur le groupe de ressources, et rien de plus. Son secret est lu dans un fichier ou demandé, et n'est jamais dans le script.",
  program: "ID d'application du principal de service",
  programNeeded: "Un GUID, comme le montre la page Clients.",
  programList: "Clients",
  proxy: "Proxy du serveur (facultatif)",
  proxyHint:
    "http://proxy.example:3128. Un mot de passe n'a pas sa place dans un script : définissez plutôt HTTPS_PROXY sur le serveur.",
  proxyNeeded: "Une adresse qui commence par http:// ou https:// et n'a ni utilisateur ni mot de passe.",

  script: "Script",
  scriptName: "Le script tel qu'il est maintenant",
  scriptWaits: "Le script apparaît quand le formulaire est complet.",
  download: "Télécharger le script",
  steps: "Sur le serveur",
  stepCopy: "Apportez le script au serveur.",
  stepCopyMany: "Apportez le script à tous les serveurs, avec ce qui les configure.",
  stepSecret: "Mettez le secret dans un fichier que seul root peut lire :",
  stepSecretWindows: "Mettez le secret dans un fichier que seuls les administrateurs peuvent lire :",
  stepRun: "Exécutez-le en tant que root :",
  stepRunWindows: "Exécutez-le dans PowerShell en tant qu'administrateur :",
  stepCode:
    "Il affiche une adresse et un code : ouvrez l'adresse sur n'importe quel appareil, entrez le code et connectez-vous.",
  stepDone: "Le serveur apparaît ici, sur cette page, dès qu'il est connecté.",

  arrivals: "Ce qui est arrivé",
  waiting: "En attente d'un serveur dans {group}",
  arrived: { one: "{count} serveur est apparu", other: "{count} serveurs sont apparus" },
  arrivedList: "Serveurs apparus",

  noGroup: "Il n'y a pas encore de groupe de ressources. Sur le plan de contrôle, ceci en crée un :",
  whyRight:
    "Vous n'avez aucun rôle qui contient {action} sur ce groupe de ressources. Demandez à un Owner ou à un Contributor.",

  tokenIntro:
    "Un jeton permet à un hôte de rejoindre, une fois. Il n'est montré qu'ici : créez-en un autre s'il est perdu.",
  tokenGroup: "Groupe de ressources de l'hôte",
  tokenName: "Nom de l'hôte",
  tokenNameHint: "Vide : le nom propre de l'hôte",
  tokenHours: "Valable",
  tokenHour: { one: "{count} heure", other: "{count} heures" },
  tokenMake: "Créer un jeton",
  tokenAgain: "Créer un autre jeton",
  tokenReady: "Le jeton est prêt, et valable jusqu'au {when}.",
  tokenStep1: "Installez Outofband sur l'hôte.",
  tokenStep2: "Exécutez-y ceci, et collez le jeton quand il est demandé :",
  tokenStep3: "Démarrez ensuite l'agent, ou son service :",
  tokenStep4: "L'hôte apparaît ici en quelques secondes.",
  tokenSecret: "Quiconque a le jeton peut faire entrer un hôte ici : remettez-le comme un secret.",
});
