"""What the values of step reports are called, in the order of core.locale.LOCALES: English, French, Dutch."""

from __future__ import annotations

LABELS: dict[str, tuple[str, str, str]] = {
    # Windows: Remote Desktop.
    "RT.fDenyTSConnections": (
        "Remote Desktop refuses connections",
        "Le Bureau à distance refuse les connexions",
        "Extern bureaublad weigert verbindingen",
    ),
    "POL.fDenyTSConnections": (
        "A policy refuses Remote Desktop",
        "Une stratégie refuse le Bureau à distance",
        "Een beleid weigert Extern bureaublad",
    ),
    "RT.TSEnabled": (
        "Remote Desktop Services enabled",
        "Services Bureau à distance activés",
        "Extern bureaublad-services ingeschakeld",
    ),
    "RT.TSServerDrainMode": (
        "New sessions turned away",
        "Nouvelles sessions renvoyées",
        "Nieuwe sessies geweigerd",
    ),
    "RT.TSUserEnabled": ("Sessions of users", "Sessions des utilisateurs", "Sessies van gebruikers"),
    "TCP.fEnableWinStation": ("Listener enabled", "Écouteur activé", "Listener ingeschakeld"),
    "TCP.fLogonDisabled": ("Sign-in disabled", "Ouverture de session désactivée", "Aanmelden uitgeschakeld"),
    "TCP.PortNumber": ("Port of Remote Desktop", "Port du Bureau à distance", "Poort van Extern bureaublad"),
    "TCP.UserAuthentication": (
        "Network level authentication required",
        "Authentification au niveau du réseau exigée",
        "Verificatie op netwerkniveau vereist",
    ),
    "TCP.SecurityLayer": ("Security layer", "Couche de sécurité", "Beveiligingslaag"),
    "TCP.MinEncryptionLevel": (
        "Lowest encryption level",
        "Niveau de chiffrement minimal",
        "Laagste versleutelingsniveau",
    ),
    "TCP.SSLCertificateSHA1Hash": (
        "Chosen certificate of the listener",
        "Certificat choisi pour l'écouteur",
        "Gekozen certificaat van de listener",
    ),
    "certificates": (
        "Certificates of Remote Desktop",
        "Certificats du Bureau à distance",
        "Certificaten van Extern bureaublad",
    ),
    "firewall.RemoteDesktop.off": (
        "Firewall rules for Remote Desktop that are off",
        "Règles de pare-feu du Bureau à distance désactivées",
        "Firewallregels voor Extern bureaublad die uit staan",
    ),
    "firewall.customPort": (
        "Firewall rule for another port of Remote Desktop",
        "Règle de pare-feu pour un autre port du Bureau à distance",
        "Firewallregel voor een andere poort van Extern bureaublad",
    ),
    # Windows: accounts, and other ways in.
    "account.enabled": ("Account enabled", "Compte activé", "Account ingeschakeld"),
    "account.locked": ("Account locked", "Compte verrouillé", "Account vergrendeld"),
    "account.administrator": ("Account is an administrator", "Compte administrateur", "Account is beheerder"),
    "administrator.enabled": (
        "Built-in administrator enabled",
        "Administrateur intégré activé",
        "Ingebouwde beheerder ingeschakeld",
    ),
    "administrator.name": (
        "Name of the built-in administrator",
        "Nom de l'administrateur intégré",
        "Naam van de ingebouwde beheerder",
    ),
    "boot.ems": ("Serial console (EMS)", "Console série (EMS)", "Seriële console (EMS)"),
    "boot.emsPort": (
        "Port of the serial console",
        "Port de la console série",
        "Poort van de seriële console",
    ),
    "boot.emsBaudRate": (
        "Speed of the serial console",
        "Vitesse de la console série",
        "Snelheid van de seriële console",
    ),
    "remotePowerShell.listener": (
        "Remote PowerShell over HTTPS",
        "PowerShell à distance par HTTPS",
        "Externe PowerShell over HTTPS",
    ),
    "remotePowerShell.rule": (
        "Firewall rule for remote PowerShell",
        "Règle de pare-feu pour PowerShell à distance",
        "Firewallregel voor externe PowerShell",
    ),
    "AU.NoAutoUpdate": (
        "Automatic updates switched off",
        "Mises à jour automatiques désactivées",
        "Automatische updates uitgeschakeld",
    ),
    # Cards.
    "cards.state": ("Network cards", "Cartes réseau", "Netwerkkaarten"),
    "cards.dhcp": ("Addresses by DHCP", "Adresses par DHCP", "Adressen via DHCP"),
    "cards.address": ("Addresses", "Adresses", "Adressen"),
    "cards.keeper": (
        "Programs that look after the cards",
        "Programmes qui s'occupent des cartes",
        "Programma's die voor de kaarten zorgen",
    ),
    "cards.route": ("Default route", "Route par défaut", "Standaardroute"),
    "cards.names": ("Name servers", "Serveurs de noms", "Naamservers"),
    "cards.ghosts": (
        "Network cards that are gone, still known",
        "Cartes réseau disparues, encore connues",
        "Verdwenen netwerkkaarten, nog bekend",
    ),
    # Linux.
    "disk.full": ("Full disks", "Disques pleins", "Volle schijven"),
    "disk.readOnly": ("Disks that cannot be written", "Disques en lecture seule", "Schijven alleen-lezen"),
    "ssh.installed": ("SSH server installed", "Serveur SSH installé", "SSH-server geïnstalleerd"),
    "ssh.fault": (
        "Fault in the configuration of SSH",
        "Erreur dans la configuration de SSH",
        "Fout in de configuratie van SSH",
    ),
    "ssh.port": ("Port of SSH", "Port de SSH", "Poort van SSH"),
    "ssh.onlyLocal": (
        "SSH for the machine itself only",
        "SSH pour la machine elle-même seulement",
        "SSH alleen voor de machine zelf",
    ),
    "ssh.rule": (
        "The firewall's rule for SSH",
        "Règle du pare-feu pour SSH",
        "Regel van de firewall voor SSH",
    ),
    "ssh.ruleProfile": (
        "Kinds of networks of that rule",
        "Types de réseaux de cette règle",
        "Soorten netwerken van die regel",
    ),
    "ssh.hostKeys": ("Host keys of SSH", "Clés d'hôte de SSH", "Hostsleutels van SSH"),
    "ssh.listens": ("SSH listens", "SSH écoute", "SSH luistert"),
    "ssh.heldBy": (
        "Another program at SSH's port",
        "Autre programme sur le port de SSH",
        "Ander programma op de poort van SSH",
    ),
    "ssh.deniedPort": (
        "Port that SELinux denies SSH",
        "Port que SELinux refuse à SSH",
        "Poort die SELinux aan SSH weigert",
    ),
    "ssh.nologin": (
        "Sign-in closed to all but root (/etc/nologin)",
        "Session fermée à tous sauf root (/etc/nologin)",
        "Aanmelden dicht voor allen behalve root (/etc/nologin)",
    ),
    "xrdp.installed": ("xrdp installed", "xrdp installé", "xrdp geïnstalleerd"),
    "xrdp.port": ("Port of xrdp", "Port de xrdp", "Poort van xrdp"),
    "xrdp.security": ("Security layer of xrdp", "Couche de sécurité de xrdp", "Beveiligingslaag van xrdp"),
    "xrdp.fault": (
        "Fault in the configuration of xrdp",
        "Erreur dans la configuration de xrdp",
        "Fout in de configuratie van xrdp",
    ),
    "xrdp.certificate": ("Certificate of xrdp", "Certificat de xrdp", "Certificaat van xrdp"),
    "xrdp.certificateEnds": (
        "End of the certificate of xrdp",
        "Fin du certificat de xrdp",
        "Einde van het certificaat van xrdp",
    ),
    "xrdp.heldBy": (
        "Another program at xrdp's port",
        "Autre programme sur le port de xrdp",
        "Ander programma op de poort van xrdp",
    ),
    "xrdp.listens": ("xrdp listens", "xrdp écoute", "xrdp luistert"),
    "firewall.kinds": ("The guest's firewall", "Pare-feu de l'invité", "Firewall van de gast"),
    "firewall.denies": (
        "Rules of the guest that deny",
        "Règles de l'invité qui refusent",
        "Regels van de gast die weigeren",
    ),
    "firewall.shut": (
        "Ports that the guest's firewall keeps shut",
        "Ports que le pare-feu de l'invité garde fermés",
        "Poorten die de firewall van de gast dicht houdt",
    ),
    "firewall.letIn": (
        "Rules of ours before them",
        "Nos règles placées avant elles",
        "Onze regels daarvoor",
    ),
    "account.state": ("Password of the account", "Mot de passe du compte", "Wachtwoord van het account"),
    "account.ended": ("Account has ended", "Compte expiré", "Account verlopen"),
    "account.passwordEnded": ("Password has ended", "Mot de passe expiré", "Wachtwoord verlopen"),
    "account.shell": ("Shell of the account", "Interpréteur du compte", "Shell van het account"),
}

SERVICE: dict[str, tuple[str, str, str]] = {
    "start": ("Start of the service {name}", "Démarrage du service {name}", "Start van de dienst {name}"),
    "state": ("Service {name}", "Service {name}", "Dienst {name}"),
    "account": ("Account of the service {name}", "Compte du service {name}", "Account van de dienst {name}"),
    "enabled": (
        "Service {name} at start-up",
        "Service {name} au démarrage",
        "Dienst {name} bij het opstarten",
    ),
    "runs": ("Service {name} runs", "Service {name} en marche", "Dienst {name} loopt"),
}

SWITCHES = frozenset(
    {
        "RT.fDenyTSConnections",
        "POL.fDenyTSConnections",
        "RT.TSEnabled",
        "RT.TSServerDrainMode",
        "TCP.fEnableWinStation",
        "TCP.fLogonDisabled",
        "TCP.UserAuthentication",
        "AU.NoAutoUpdate",
    }
)
"""Numbers of Windows that mean yes and no."""

WORDS: dict[str, tuple[str, str, str]] = {
    "true": ("yes", "oui", "ja"),
    "false": ("no", "non", "nee"),
    "none": ("not set", "non défini", "niet ingesteld"),
    "nothing": ("none", "aucun", "geen"),
    "masked": ("masked", "masqué", "gemaskeerd"),
    "enabled": ("enabled", "activé", "ingeschakeld"),
    "disabled": ("disabled", "désactivé", "uitgeschakeld"),
    "Auto": ("automatic", "automatique", "automatisch"),
    "Manual": ("on demand", "à la demande", "op aanvraag"),
    "Disabled": ("disabled", "désactivé", "uitgeschakeld"),
    "Running": ("runs", "en marche", "loopt"),
    "Stopped": ("stopped", "arrêté", "gestopt"),
    "good": ("good", "bon", "goed"),
    "expired": ("expired", "expiré", "verlopen"),
    "missing": ("missing", "absent", "ontbreekt"),
    "broken": ("cannot be read", "illisible", "niet te lezen"),
    "foreign": ("not of this key", "pas de cette clé", "niet van deze sleutel"),
    "locked": ("locked", "verrouillé", "vergrendeld"),
    "usable": ("can be used", "utilisable", "bruikbaar"),
    "noPassword": ("none", "aucun", "geen"),
    "empty": ("empty", "vide", "leeg"),
}

SECURITY_LAYERS: dict[int, tuple[str, str, str]] = {
    0: ("0 (without TLS)", "0 (sans TLS)", "0 (zonder TLS)"),
    1: ("1 (negotiated)", "1 (négociée)", "1 (onderhandeld)"),
    2: ("2 (TLS)", "2 (TLS)", "2 (TLS)"),
}

CHANGED = (
    "{label}: {before} before, {after} now.",
    "{label} : {before} avant, {after} maintenant.",
    "{label}: eerst {before}, nu {after}.",
)
UNDOES = (
    "The undo makes it {before} again.",
    "L'annulation remet : {before}.",
    "Ongedaan maken geeft weer: {before}.",
)
REMAINS = ("The undo leaves it so.", "L'annulation le laisse ainsi.", "Ongedaan maken laat het zo.")
NOTHING = (
    "Everything was as it should be; nothing was changed.",
    "Tout était comme il faut ; rien n'a été changé.",
    "Alles was zoals het hoort; er is niets veranderd.",
)
UNCHANGED = ("Nothing was changed.", "Rien n'a été changé.", "Er is niets veranderd.")
RESTART = (
    "It counts after a restart of the VM.",
    "Cela compte après un redémarrage de la machine.",
    "Het geldt na een herstart van de VM.",
)
PASSWORD = (
    "The new password stays: what it was before is known to nobody.",
    "Le nouveau mot de passe reste : personne ne connaît l'ancien.",
    "Het nieuwe wachtwoord blijft: niemand kent het oude.",
)
