"""Whether a password works where Remote Desktop alone cannot tell: xrdp asks for it in its session. Pure.

The guest's SSH server asks the same accounts, so a sign-in there, seen from the VM's host, is the proof; and
where that refuses a password it would take, Remote Desktop will, too.
"""

from __future__ import annotations

import msgspec

from outofband.core.errors import Fault
from outofband.rescue.run import Found, Run, found
from outofband.wire.remote import Report

UNTRIED = "RdpPasswordNotTried"
REFUSED = "SshWrongCredentials"
OLD = "SshPasswordMustChange"
"""Of a password that is right: PAM lets nobody in with it, whichever server asks."""
_BY_PASSWORD = ("password", "keyboard-interactive")


def is_open(*seen: Report | None) -> bool:
    """Whether one of the looks works and has left the password untried."""
    return any(
        report is not None and report.works and any(each.code == UNTRIED for each in report.warnings)
        for report in seen
    )


def judged(
    outside: Report | None, host: Report | None, by_ssh: Report | None, run: Run
) -> tuple[Report | None, Report | None, tuple[Found, ...]]:
    """The two looks as they count after the sign-in by SSH, and what is to be said of it."""
    user, locale = run.wanted.user, run.wanted.locale
    if by_ssh is not None and by_ssh.works:
        return outside, host, (found(Fault("RescueSignInProven", user=user), locale),)
    evidence = by_ssh.evidence.get("ssh", {}) if by_ssh is not None else {}
    offers = str(evidence.get("methods", "")) if isinstance(evidence, dict) else ""
    problem = by_ssh.problem if by_ssh is not None else None
    tried = problem is not None and problem.code == REFUSED and any(each in offers for each in _BY_PASSWORD)
    if problem is None or not (tried or problem.code == OLD):
        why = problem.title if problem is not None else "-"
        return outside, host, (found(Fault("RescueSignInUnproven", user=user, problem=why), locale),)

    def refused(report: Report | None) -> Report | None:
        if report is None or not report.works:
            return report
        return msgspec.structs.replace(report, works=False, problem=problem)

    return refused(outside), refused(host), ()
