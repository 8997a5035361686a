/** French: what stands around an error, and the buttons that do something about it. The rest is in English. */

export const french = {
  common: {
    retry: "Réessayer",
    cause: "Cause",
    whatToDo: "Que faire",
    code: "Code",
    requestId: "ID de la demande",
    details: "Détails",
    copyDetails: "Copier les détails",
    unreachableTitle: "Le plan de contrôle ne répond pas",
    unreachableMessage: "La demande n'a pas pu être envoyée, ou aucune réponse n'est revenue.",
    unreachableCause:
      "Le réseau entre ce navigateur et le plan de contrôle est coupé, ou le plan de contrôle est arrêté ou redémarre.",
    unreachableRemedy1:
      "Patientez un instant : le portail réessaie de lui-même et dit quand la connexion est revenue.",
    unreachableRemedy2: "Sur le serveur, voyez ce qui s'exécute : oob status",
  },
  console: {
    unreachable: "L'écouteur des consoles est injoignable",
    refused: "Non connecté",
    lost: "Connexion perdue, elle revient d'elle-même",
    retryNow: "Essayer maintenant",
    reconnect: "Se reconnecter",
    watch: "Regarder",
    takeBack: "Reprendre le clavier",
    lostTitle: "La connexion est perdue",
    lostNote:
      "Elle revient d'elle-même et continue à l'octet où elle était : rien n'est montré deux fois, rien n'est omis. Ce qui a été saisi au dernier moment est envoyé de nouveau si elle revient en moins de 10 secondes.",
    stoppedTitle: "{name} est à l'arrêt",
    stoppedNote: "Cette console reste ouverte et continue quand la machine est démarrée.",
    takenTitle: "{by} a pris le clavier à {at}",
    takenNote:
      "Votre session dans l'invité n'a pas été fermée : qui saisit maintenant est dans votre interpréteur de commandes. Sous Windows, la console d'administration spéciale (SAC) se déconnecte d'elle-même après un moment ; sous Linux, seul TMOUT le fait.",
    takenNoteEnds:
      "Votre session dans l'invité est en cours de fermeture, comme le veut la stratégie de cette console ; qui saisit maintenant commence à l'invite de connexion.",
    waitsNote: "Cette page le surveille, et se connecte d'elle-même.",
    startAction: "Démarrer {name}",
    enableConsole: "Activer la console",
    enableDiagnostics: "Activer les diagnostics de démarrage",
    reachTitle: "Encore une étape : ce navigateur doit faire confiance à l'adresse de la console",
    reachTitleSilent: "L'écouteur des consoles ne répond pas",
    reachIntro:
      "Le plan de contrôle répond, mais rien n'arrive à son écouteur des consoles à l'adresse {listener}. C'est l'une de deux choses, la plus probable d'abord.",
    reachCertificate: "Le certificat n'est pas encore approuvé",
    reachCertificateWhy:
      "Les consoles ont une adresse à elles, et certains navigateurs posent la question pour chaque adresse.",
    reachStep1: "Dans un nouvel onglet :",
    reachStep2:
      "Le navigateur avertit, comme pour cette page : choisissez les paramètres avancés, puis de continuer. Il dit alors qu'il fait confiance à l'adresse de la console.",
    reachStep3: "Revenez à cet onglet. La console se connecte d'elle-même.",
    reachOpen: "Ouvrir l'adresse de la console",
    reachCertificateMend:
      "Quand l'autorité du plan de contrôle est dans la liste des autorités approuvées du système, la question ne se pose pas : voyez « oob trust ».",
    reachPort: "Le port {port} est bloqué",
    reachPortWhy: "Un pare-feu en chemin, ou sur le plan de contrôle, ne laisse pas passer ce port.",
    reachPortTell:
      "Comment le savoir : si le nouvel onglet ne montre pas d'avertissement, mais charge longtemps puis dit que l'adresse ne répond pas, c'est cela.",
    reachPortMend: "Permettez à cet ordinateur de joindre le port TCP {port} de {host}.",
    reachTrying: "Nouvel essai toutes les {seconds} secondes, et chaque fois que vous revenez à cet onglet.",
  },
} as const;
