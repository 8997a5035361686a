/** Dutch: what stands around an error, and the buttons that do something about it. The rest is in English. */

export const dutch = {
  common: {
    retry: "Opnieuw proberen",
    cause: "Oorzaak",
    whatToDo: "Wat u kunt doen",
    code: "Code",
    requestId: "Aanvraag-id",
    details: "Details",
    copyDetails: "Details kopiëren",
    unreachableTitle: "De control plane antwoordt niet",
    unreachableMessage: "De aanvraag kon niet worden verzonden, of er kwam geen antwoord terug.",
    unreachableCause:
      "Het netwerk tussen deze browser en de control plane is verbroken, of de control plane is gestopt of start opnieuw.",
    unreachableRemedy1: "Wacht even: de portal probeert het vanzelf opnieuw en zegt wanneer het weer werkt.",
    unreachableRemedy2: "Bekijk op de server wat er wordt uitgevoerd: oob status",
  },
  console: {
    unreachable: "De listener voor consoles is niet bereikbaar",
    refused: "Niet verbonden",
    lost: "Verbinding verbroken, komt vanzelf terug",
    retryNow: "Nu proberen",
    reconnect: "Opnieuw verbinden",
    watch: "Meekijken",
    takeBack: "Toetsenbord terugnemen",
    lostTitle: "De verbinding is verbroken",
    lostNote:
      "Die komt vanzelf terug en gaat verder bij de byte waar die was: niets wordt dubbel getoond, niets weggelaten. Wat op het laatste moment is getypt, wordt opnieuw verzonden als de verbinding binnen 10 seconden terug is.",
    stoppedTitle: "{name} is gestopt",
    stoppedNote: "Deze console blijft open en gaat verder wanneer de machine wordt gestart.",
    takenTitle: "{by} heeft om {at} het toetsenbord genomen",
    takenNote:
      "Uw aanmelding in de gast is niet beëindigd: wie nu typt, zit in uw shell. In Windows meldt de Special Administration Console (SAC) zich na een tijd vanzelf af; in Linux doet alleen TMOUT dat.",
    takenNoteEnds:
      "Uw aanmelding in de gast wordt beëindigd, zoals het beleid van deze console voorschrijft; wie nu typt, begint bij de aanmeldingsprompt.",
    waitsNote: "Deze pagina let daarop en maakt vanzelf verbinding.",
    startAction: "{name} starten",
    enableConsole: "Console inschakelen",
    enableDiagnostics: "Diagnostische gegevens over opstarten inschakelen",
    reachTitle: "Nog één stap: deze browser moet het adres van de console vertrouwen",
    reachTitleSilent: "De listener voor consoles antwoordt niet",
    reachIntro:
      "De control plane antwoordt, maar niets bereikt de listener voor consoles op {listener}. Het is een van twee dingen, het waarschijnlijkste eerst.",
    reachCertificate: "Het certificaat wordt nog niet vertrouwd",
    reachCertificateWhy:
      "Consoles hebben een eigen adres, en sommige browsers stellen de vraag voor elk adres.",
    reachStep1: "In een nieuw tabblad:",
    reachStep2:
      "De browser waarschuwt, net als bij deze pagina: kies de geavanceerde opties en ga dan door. Daarna zegt die dat het adres van de console wordt vertrouwd.",
    reachStep3: "Kom terug naar dit tabblad. De console maakt vanzelf verbinding.",
    reachOpen: "Het adres van de console openen",
    reachCertificateMend:
      "Staat de instantie van de control plane in de lijst met vertrouwde instanties van het systeem, dan komt die vraag niet: zie “oob trust”.",
    reachPort: "Poort {port} is geblokkeerd",
    reachPortWhy: "Een firewall onderweg, of op de control plane, laat deze poort niet door.",
    reachPortTell:
      "Zo ziet u het: toont het nieuwe tabblad geen waarschuwing, maar laadt het lang en zegt het dan dat het adres niet antwoordt, dan is het dit.",
    reachPortMend: "Laat deze computer TCP-poort {port} van {host} bereiken.",
    reachTrying:
      "Elke {seconds} seconden een nieuwe poging, en telkens wanneer u naar dit tabblad terugkomt.",
  },
} as const;
