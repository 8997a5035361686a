"""A connection that failed, as a person is told of it: where it ended, and what shows that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from outofband.catalogue import Words, say, verbatim
from outofband.catalogue.words import of_each, templates
from outofband.cli.azcmagent.places import AZURE, Place
from outofband.client.faults import RemoteFault
from outofband.core.errors import Fault
from outofband.core.locale import LOCALES
from outofband.net.proxies import current
from outofband.wire.azcm import AzcmFault

if TYPE_CHECKING:
    from outofband.agent.checks.endpoints import Cloud
    from outofband.wire.check import Endpoint, Step

CODES = ("ControlPlaneUnreachable", "CertificateNotTrusted", "UnexpectedAnswer")
"""Of `client.transport`: no answer of the control plane."""
_HIDDEN = ("detail",)
"""Of the evidence: the message has it."""


def is_network(fault: Fault) -> bool:
    """Whether no answer of the control plane came."""
    return not isinstance(fault, RemoteFault) and fault.code in CODES


def explained(fault: Fault, url: str, trust: str = "") -> AzcmFault:
    """AZCM0026 with what is known of the way; a fault that the control plane itself told of as AZCM0041.

    Looks at the way once more, which takes as long as `net.doctor.walk` allows.
    """
    from outofband.cli.azcmagent import failing

    if isinstance(fault, AzcmFault):
        return fault
    if not is_network(fault):
        return failing.as_azcm(fault, "AZCM0041" if isinstance(fault, RemoteFault) else "")
    where = str(fault.fields.get("url", url))
    made = _answered(fault, where) if fault.code == "UnexpectedAnswer" else _walked(fault, where, trust)
    made.__cause__ = fault
    return made


def _walked(fault: Fault, url: str, trust: str) -> AzcmFault:
    from outofband.cli.azcmagent import failing
    from outofband.net.doctor.evidence import diagnose

    found = diagnose(url, fault.__cause__, trust=trust or None)
    return _broken(found.step, found.endpoint, failing.message(fault))


def cloud_of(place: Place) -> Cloud:
    """The same for the checks of the agent."""
    from outofband.agent.checks.endpoints import Cloud

    return Cloud(
        name=place.name,
        arm=place.arm,
        login=place.login,
        trust=place.trust or None,
        ours=place.name.lower() not in AZURE,
    )


def look(place: Place) -> None:
    """Walk the ways to all that a connect needs, the agent's own link among them, before anything is begun.

    Raises AzcmFault AZCM0026 for the first that is broken.
    """
    from outofband.agent.checks import run as checks

    for endpoint in checks.ways(cloud_of(place)):
        if endpoint.required and (step := endpoint.broken) is not None:
            raise _broken(step, endpoint)


def _broken(step: Step, endpoint: Endpoint, otherwise: Words | None = None) -> AzcmFault:
    """A step in the words of a failed command; `otherwise` where it has no message of its own."""
    from outofband.cli.azcmagent import failing
    from outofband.wire.check import told

    by = {locale: told(step, locale) for locale in LOCALES}
    evidence = [
        say("step-cause", step=step.step, cause=step.cause, title=of_each(lambda locale: by[locale].title)),
        *_facts(step.evidence),
    ]
    passed = [each.step for each in endpoint.steps if each.state == "ok"]
    if passed:
        evidence.append(say("well-so-far", steps=", ".join(passed)))
    message = of_each(lambda locale: by[locale].message) if step.message else otherwise
    return AzcmFault(
        step.code or "AZCM0026",
        url=endpoint.url,
        detail=message,
        evidence=tuple(evidence),
        remedy=failing.steps({locale: each.remedy for locale, each in by.items()}),
    )


def _facts(evidence: dict[str, str | int | float | bool | list[str]]) -> Iterator[Words]:
    for name, value in evidence.items():
        text = ", ".join(value) if isinstance(value, list) else str(value)
        if text not in ("", "-", "?") and name not in _HIDDEN:
            yield say("fact", name=evidence_name(name), value=text)


def evidence_name(name: str) -> Words:
    """What a piece of evidence is called; in English, and so in JSON, by its own name."""
    return say(f"seen-{name}") if f"seen-{name}" in templates() else verbatim(name)


def _answered(fault: Fault, url: str) -> AzcmFault:
    """Somebody answered, and it was not the control plane: its refusals have an error of their own form."""
    via = current(url)
    status, said = fault.fields.get("status"), str(fault.fields.get("detail", ""))
    return AzcmFault(
        "AZCM0026",
        url=url,
        detail=say("answer-of-another", status=status, said=" ".join(said.split())),
        evidence=(
            say("proxy-used", proxy=via.shown or say("none"), source=via.source),
            say("http-status", status=status),
            say("answered-on-the-way"),
        ),
    )
