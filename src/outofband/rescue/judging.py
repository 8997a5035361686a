"""What follows from what a step saw: findings, and the deed that could help. Pure.

A deed in the guest is wished for only while the guest is what is at fault: where its own host gets an answer,
the way to it is, and a restart would cost somebody's work for nothing. Who asks for one step alone gets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.rescue import guest
from outofband.rescue.run import Found, Look, Probed, Run, Wish, found, of_word
from outofband.rescue.runbook import EFFECTS, Deed, Step, row_of
from outofband.rescue.texts import text
from outofband.wire.steps.report import StepReport

CREDENTIALS = frozenset(
    {
        "RdpWrongCredentials",
        "RdpPasswordMustChange",
        "RdpAccountRefused",
        "RdpSignInCut",
        "SshAsksMore",
        "SshPasswordMustChange",
        "SshWrongCredentials",
    }
)
"""What a probe finds that another password may mend."""
_OTHERS = frozenset({"GuestPortClosed", "RdpNotSpoken", "SshNotSpoken"})
"""What the VM's host sees where no server of the protocol is in the guest: nobody, or somebody else."""
_ON = frozenset({"running", "starting"})


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the VM without touching it.

    `away`: why its host cannot be asked; `lacking`: by deed, why the caller cannot have it done here, for
    want of a right or of the deed; `health`, `screen`: what resource health and the serial port say; `log`:
    findings of what it printed; `card`: of its network interface, None when it has none; `seat`: where that
    is, as `resetNic` puts it back; `pool`: whether there are public addresses to be given; `guest`: what a
    look inside told, `speechless`: why there was none; `picture`: of its screen, PNG in base64.
    """

    vm: str
    power: str
    away: Fault | None = None
    lacking: Mapping[Deed, Fault] = {}
    health: dict[str, Any] = {}
    screen: str = ""
    log_on: bool = True
    log: tuple[Found, ...] = ()
    card: dict[str, Any] | None = None
    seat: Mapping[str, str] = {}
    pool: bool = False
    guest: StepReport | None = None
    speechless: Fault | None = None
    picture: str = ""


def refused_password(seen: Probed) -> bool:
    """Whether a password was tried and not taken, so that trying it again may lock its account."""
    return any(
        report is not None and report.problem is not None and report.problem.code in CREDENTIALS
        for report in (seen.outside, seen.host)
    )


def look(step: Step, run: Run, scene: Scene) -> Look:
    """Of every step but the rules, which `rules` judges."""
    seen = _LOOKS[step](run, scene)
    return within(seen, run, scene)


def within(seen: Look, run: Run, scene: Scene) -> Look:
    """Without a deed that the caller cannot have, and why."""
    if seen.wish is None or (fault := scene.lacking.get(seen.wish.deed)) is None:
        return seen
    return Look(findings=(*seen.findings, found(fault, run.wanted.locale, deed=seen.wish.deed.value)))


def no_address(run: Run) -> tuple[Found, ...]:
    """Nobody can come from outside where there is no address to come to."""
    return () if run.address else (found(Fault("RescueNoPublicAddress"), run.wanted.locale),)


def wants_inside(run: Run) -> bool:
    """Whether the guest is to be asked what is wrong in it: nobody else knows, or it is not in the way."""
    return not run.probed.guest_answers or run.wanted.step is not None


def _configuration(run: Run, scene: Scene) -> Look:
    deed = Deed.RESET_CONFIGURATION
    seen = _in_guest(run, scene, deed)
    if scene.speechless is not None:
        # Without an agent in the guest nothing can be done in there.
        lost = found(scene.speechless, run.wanted.locale)
        return Look(findings=(*seen.findings, lost))
    if scene.guest is None:
        return seen
    card = scene.card or {"addresses": ()}
    addresses = tuple(str(each["address"]) for each in card["addresses"])
    wrong = guest.found_in(scene.guest, run.wanted, addresses)
    host = run.probed.host
    if host is not None and host.problem is not None and host.problem.code in _OTHERS:
        told = {(each.code, each.message) for each in wrong}
        lacks = guest.lacking(scene.guest, run.wanted)
        wrong = (*(each for each in lacks if (each.code, each.message) not in told), *wrong)
    heard = found(Fault("RescueGuestAgentAnswers", vm=scene.vm), run.wanted.locale, seen=scene.guest.before)
    wish = seen.wish
    if wish is None and wrong and _barred(run, scene) is None:
        # A refused password may be that of an account which the guest says is locked.
        wish = Wish(deed=deed, asks=EFFECTS[deed].asks)
    return Look(findings=(*seen.findings, heard, *wrong), wish=wish)


def _diagnostics(run: Run, scene: Scene) -> Look:
    locale = run.wanted.locale
    if not scene.log_on:
        return Look(findings=(found(Fault("RescueDiagnosticsOff", vm=scene.vm), locale),))
    quiet = found(Fault("RescueLogQuiet", vm=scene.vm), locale, shows=scene.screen)
    shown = text(f"screen.{scene.screen or 'unknown'}", locale)
    screen = found(Fault("RescueScreen", vm=scene.vm, shows=shown), locale, shows=scene.screen)
    tells = scene.screen or scene.picture
    return Look(findings=(*(scene.log or (quiet,)), *((screen,) if tells else ())), picture=scene.picture)


def _nic(run: Run, scene: Scene) -> Look:
    if scene.card is None:
        return Look(findings=(found(Fault("RescueNoInterface", vm=scene.vm), run.wanted.locale),))
    # Kept before anything is done: a run that is stopped in the middle knows where the interface was.
    args = {"interface": scene.card["id"], **({"seat": dict(scene.seat)} if scene.seat else {})}
    seen = _in_guest(run, scene, Deed.RESET_NIC, args=args, card=scene.card)
    if run.address or (seen.wish is not None and run.wanted.step is None):
        return seen
    # A guest that answers and has no address to be reached at is reached by nobody outside.
    lacks = no_address(run)
    if not scene.pool or not run.probed.guest_answers:
        return msgspec.structs.replace(seen, findings=(*seen.findings, *lacks))
    deed = Deed.ASSIGN_ADDRESS
    wish = Wish(deed=deed, args={"interface": scene.card["id"]}, asks=EFFECTS[deed].asks)
    return Look(findings=(*seen.findings, *lacks), wish=wish)


def _health(run: Run, scene: Scene) -> Look:
    state, summary = str(scene.health.get("state", "")), str(scene.health.get("summary", ""))
    fault = Fault("RescueHealth", vm=scene.vm, state=state, summary=summary)
    return Look(findings=(found(fault, run.wanted.locale, **scene.health),))


def _password(run: Run, scene: Scene) -> Look:
    problems = [
        report.problem
        for report in (run.probed.outside, run.probed.host)
        if report is not None and report.problem is not None and report.problem.code in CREDENTIALS
    ]
    if not problems and run.wanted.step is None:
        return Look(findings=(found(Fault("RescuePasswordNotInTheWay"), run.wanted.locale),))
    barred = _barred(run, scene)
    if barred is not None:
        return Look(findings=(barred,))
    wish = Wish(deed=Deed.RESET_PASSWORD, asks=EFFECTS[Deed.RESET_PASSWORD].asks)
    return Look(findings=tuple(of_word(each) for each in problems[:1]), wish=wish)


def _restart(run: Run, scene: Scene) -> Look:
    if scene.away is None and scene.power not in _ON and scene.power != "unknown":
        off = found(Fault("RescueVmOff", vm=scene.vm, power=scene.power), run.wanted.locale)
        return Look(findings=(off,), wish=Wish(deed=Deed.START, asks=EFFECTS[Deed.START].asks))
    return _in_guest(run, scene, Deed.RESTART)


def _redeploy(run: Run, scene: Scene) -> Look:
    return _in_guest(run, scene, Deed.REDEPLOY)


def _in_guest(
    run: Run, scene: Scene, deed: Deed, args: dict[str, Any] | None = None, **evidence: Any
) -> Look:
    barred = _barred(run, scene)
    if barred is not None:
        return Look(findings=(barred,))
    seen = run.probed
    if seen.guest_answers and run.wanted.step is None:
        answers = found(
            Fault("RescueGuestAnswers", vm=scene.vm, port=run.wanted.port), run.wanted.locale, **evidence
        )
        return Look(findings=(answers,))
    report = seen.host if seen.host is not None else seen.outside
    problem = report.problem if report is not None else None
    if run.wanted.step is None and (report is None or (problem is not None and problem.code in CREDENTIALS)):
        # Nothing was seen, or something that this would not mend: then nothing is done either.
        nothing = found(Fault("RescueNothingSeen", vm=scene.vm), run.wanted.locale)
        return Look(findings=(of_word(problem, **evidence) if problem is not None else nothing,))
    told = (of_word(problem, **evidence),) if problem is not None else ()
    return Look(findings=told, wish=Wish(deed=deed, args=args or {}, asks=EFFECTS[deed].asks))


def _barred(run: Run, scene: Scene) -> Found | None:
    """Why nothing can be done in the guest now."""
    if scene.away is not None:
        return found(scene.away, run.wanted.locale)
    if scene.power not in _ON and scene.power != "unknown":
        return found(Fault("RescueVmOff", vm=scene.vm, power=scene.power), run.wanted.locale)
    return None


_LOOKS = {
    Step.CONFIGURATION: _configuration,
    Step.DIAGNOSTICS: _diagnostics,
    Step.NIC: _nic,
    Step.HEALTH: _health,
    Step.PASSWORD: _password,
    Step.RESTART: _restart,
    Step.REDEPLOY: _redeploy,
}


def deeds_of(run: Run) -> list[tuple[Step, Deed]]:
    """Everything that this run may come to do."""
    steps = [run.wanted.step] if run.wanted.step is not None else list(Step)
    return [(step, deed) for step in steps for deed in row_of(step).deeds]
