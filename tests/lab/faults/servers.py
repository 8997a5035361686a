"""What a server of Remote Desktop says that lets nobody in; most of it a simulator says, and is named so."""

from __future__ import annotations

from outofband.wire.remote import Protocol
from tests.lab.fault import Answers, Fault
from tests.lab.sides import Sides
from tests.lab.ways import Way, fault
from tests.peers import remote_servers as servers
from tests.support import rdp as words
from tests.support.rdp_server import CREDSSP, Script, Server

WHO = Answers(yes=False, user="tester", password="Right-12345")
NOBODY = Answers(yes=False)
LATE_DAYS = -3


def scripted(script: Script) -> Way:
    """The guest's port leads to a simulator that says this; a session is begun at each look."""

    def act(sides: Sides) -> None:
        # Nothing in the guest can mend it, so the steps look and do nothing.
        sides.words = ("--session", "--dry-run")
        sides.serve(Server(script, *servers.certificate(sides.folder)))

    return act


def simulated(name: str, script: Script, cause: str) -> Fault:
    return fault(f"{name} (simulator)", scripted(script), cause, answers=WHO)


def late(sides: Sides) -> None:
    sides.serve(sides.xrdp(days=LATE_DAYS))


def certificate_ended(sides: Sides) -> bool:
    seen = sides.look(Protocol.RDP)
    return "RdpCertificateEnded" in {each.code for each in seen.warnings}


FAULTS = [
    simulated("no licence server", Script(licences=True, last=(words.licence(6),)), "RdpNoLicenceServer"),
    simulated("no licence given", Script(licences=True, last=(words.licence(2),)), "RdpNoLicence"),
    simulated("session refused", Script(last=(words.licence(7), words.error_info(0x1))), "RdpSessionEnded"),
    simulated(
        "user may not connect", Script(last=(words.licence(7), words.error_info(0x7))), "RdpUserNotAllowed"
    ),
    simulated(
        "authority not reachable", Script(chosen=CREDSSP, status=0xC000005E), "RdpAuthorityUnreachable"
    ),
    simulated("wrong credentials", Script(chosen=CREDSSP, status=0xC000006D), "RdpWrongCredentials"),
    simulated("security layers do not meet", Script(refuses=2), "RdpSecurityRefused"),
    simulated("network level authentication required", Script(refuses=5), "RdpNlaRequired"),
    fault(
        "certificate of xrdp ended",
        late,
        "RdpCertificateEnded",
        answers=NOBODY,
        broken=certificate_ended,
        warns=True,
    ),
]
