"""One port seen from three places, and what follows from the three together. Pure.

The VM's host sees the guest past every rule, the control plane what anybody outside sees, and a person's
computer what that person sees. Only where the first two get an answer is the third one's own side at fault.
"""

from __future__ import annotations

from typing import Any

from outofband.core.errors import Fault
from outofband.rescue.run import Found, Run, found
from outofband.wire.remote import Report, Where

NO_NAME = frozenset(
    {
        "HostNameUnknown",
        "HostNameHasNoAddress",
        "ResolverFailed",
        "ResolverRefused",
        "ResolverSilent",
        "ResolverUnreachable",
        "LookUpFailed",
    }
)
"""What a look ends with that found no address for a name."""
NOT_THE_VM = frozenset({"RescueHostPortTaken", "RescueHostNotListening"})
"""Something answers at the VM's address, and its host says that it is not the VM."""
_NO_WAY = frozenset({"NetworkUnreachable", "AddressFamilyUnreachable"})


def points(run: Run) -> list[tuple[Where, Report | None]]:
    """Each place with its newest look; None: nobody looked from there, or nobody could."""
    seen = run.probed
    return [
        (Where.CONTROL_PLANE, seen.outside),
        (Where.HOST, seen.host),
        (Where.CLIENT, run.client),
    ]


def table(run: Run) -> list[dict[str, Any]]:
    """The same in few words, for people and programs that want no more."""
    return [
        {
            "where": where.value,
            "looked": report is not None,
            "works": report is not None and report.works,
            "code": report.problem.code if report is not None and report.problem is not None else None,
            "problem": report.problem.title if report is not None and report.problem is not None else None,
        }
        for where, report in points(run)
    ]


def concluded(run: Run) -> tuple[Found, ...]:
    """What is known only when the person's own look is held against the others; nothing without that look."""
    return (*_name(run), *_own_side(run))


def _own_side(run: Run) -> tuple[Found, ...]:
    own, seen = run.client, run.probed
    if own is None:
        return ()
    problem = own.problem.title if own.problem is not None else "-"
    code = own.problem.code if own.problem is not None else ""
    fields = {"address": own.host, "port": own.port, "problem": problem}
    if own.works:
        barrier = seen.outside.problem if seen.outside is not None else None
        if seen.works or barrier is None or barrier.code in NOT_THE_VM:
            return ()
        barred = barrier.title
        return (_found("RescueOnlyYouReach", run, **fields | {"problem": barred}),)
    if not seen.works:
        # Nobody gets in: what the steps found is in the way, whatever else this computer may lack.
        return ()
    if seen.host is None or not seen.host.works:
        return (_found("RescueClientDiffers", run, **fields),)
    return (_found("RescueClientNoRoute" if code in _NO_WAY else "RescueClientBlocked", run, **fields),)


def _name(run: Run) -> tuple[Found, ...]:
    """Whether the name that the person connects by leads to the VM."""
    named = run.named
    if named is None:
        return ()
    fields = {"name": named.host, "address": run.address or "-"}
    if named.problem is not None and named.problem.code in NO_NAME:
        return (_found("RescueNameUnknown", run, problem=named.problem.title, **fields),)
    known = [str(each) for each in named.evidence.get("dns", {}).get("evidence", {}).get("addresses", [])]
    leads = known or ([named.address] if named.address else [])
    if run.address and leads and run.address not in leads:
        return (_found("RescueNameElsewhere", run, found=", ".join(leads), **fields),)
    return ()


def _found(code: str, run: Run, **fields: Any) -> Found:
    evidence = {each["where"]: each["code"] or ("answers" if each["works"] else "") for each in table(run)}
    return found(Fault(code, **fields), run.wanted.locale, **evidence)
