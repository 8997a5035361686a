"""`outofband.check/1`: what a look at the way to a control plane found (docs/reference/check.md).

A step that failed names its cause, an entry of the catalogue, and what was seen; the entry's templates are
filled with that. `AZCM` says which of azcmagent's codes a cause ends a command with.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

import msgspec

from outofband.catalogue import explain
from outofband.core.errors import Fault
from outofband.core.locale import DEFAULT

SCHEMA = "outofband.check/1"
NETWORK = "AZCM0026"
Evidence = dict[str, str | int | float | bool | list[str]]


class State(enum.StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


class Name(enum.StrEnum):
    """The steps in the order in which they are taken; of some a walk has none."""

    HIMDS = "himds"
    CONFIGURATION = "configuration"
    DNS = "dns"
    ROUTE = "route"
    TCP = "tcp"
    PROXY = "proxy"
    TLS = "tls"
    HTTP = "http"
    CLOCK = "clock"
    IDENTITY = "identity"
    RBAC = "rbac"
    PROVIDER = "provider"


AZCM = {
    "HostNameUnknown": NETWORK,
    "HostNameHasNoAddress": NETWORK,
    "ResolverFailed": NETWORK,
    "ResolverRefused": NETWORK,
    "ResolverSilent": NETWORK,
    "ResolverUnreachable": NETWORK,
    "LookUpFailed": NETWORK,
    "NetworkUnreachable": NETWORK,
    "AddressFamilyUnreachable": NETWORK,
    "PortClosed": NETWORK,
    "PortSilent": NETWORK,
    "HostUnreachable": NETWORK,
    "ConnectionForbidden": NETWORK,
    "ConnectionCut": NETWORK,
    "ProxyNameUnknown": NETWORK,
    "ProxyPortClosed": NETWORK,
    "ProxyUnreachable": NETWORK,
    "ProxyForbids": NETWORK,
    "ProxyWantsPassword": NETWORK,
    "ProxyPasswordRefused": NETWORK,
    "ProxyFailed": NETWORK,
    "ProxyNotSpoken": NETWORK,
    "TlsIntercepted": NETWORK,
    "CertificateEnded": NETWORK,
    "CertificateNotYet": NETWORK,
    "CertificateOfOther": NETWORK,
    "TlsVersionRefused": NETWORK,
    "TlsNotSpoken": NETWORK,
    "TlsCut": NETWORK,
    "AnsweredOnTheWay": NETWORK,
    "ServiceUnwell": NETWORK,
    "ServiceSilent": NETWORK,
    "ClockDiffers": NETWORK,
    "ProxySettingInvalid": "AZCM0027",
    "AddressNotPrivate": NETWORK,
    "AgentServiceDown": "AZCM0061",
    "AgentServiceDenied": "AZCM0018",
    "AgentServiceSilent": "AZCM0064",
    "AgentServiceGarbled": "AZCM0065",
    "AgentEndpointDown": "AZCM0066",
    "AgentSettingsInvalid": "AZCM0070",
    "CloudUnreadable": "AZCM0006",
    "IdentityCertificateMissing": "AZCM0081",
    "IdentityCertificateUnusable": "AZCM0107",
    "IdentityRefused": "AZCM0041",
    "AgentKeyLost": "AZCM0104",
    "AgentExpired": "AZCM0041",
    "AgentCloned": "AZCM0041",
    "CertificateEnding": "AZCM0081",
    "MachineRightsMissing": "AZCM0042",
    "ProviderNotRegistered": "AZCM0042",
}
"""Which code of azcmagent a cause is told with."""


class Because(enum.StrEnum):
    """Why a step was left out."""

    LITERAL = "literal-address"
    NO_PROXY = "no-proxy"
    LOOPBACK = "loopback"
    BYPASSED = "bypassed"
    PLAIN = "plain-http"
    NO_DATE = "no-date"
    EARLIER = "earlier-step-failed"
    NOT_CONNECTED = "not-connected"
    NOT_REACHED = "not-reached"
    NOT_LOCAL = "another-cloud"
    NO_RIGHT = "nobody-to-ask-as"
    NOTHING = "nothing-to-look-at"


class Step(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One step. `cause` is the catalogue's code of what went wrong, `code` azcmagent's; `because` says why a
    step was left out, and `note` what else a person may want to know of one that is well.
    """

    step: Name
    state: State
    seconds: float = 0.0
    because: Because | None = None
    cause: str = ""
    code: str = ""
    title: str = ""
    message: str = ""
    why: str = ""
    remedy: list[str] = []
    evidence: Evidence = {}


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The way to one address. `via` is the proxy without its password, and `via_source` who named it."""

    name: str
    url: str
    host: str
    port: int
    state: State
    required: bool = True
    via: str | None = None
    via_source: str | None = None
    steps: list[Step] = []

    @property
    def broken(self) -> Step | None:
        """The first step that failed."""
        return next((each for each in self.steps if each.state is State.FAILED), None)


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`code` is AZCM0000 when nothing that is needed failed, and `exit` its number."""

    schema: str = SCHEMA
    version: str
    began: str
    seconds: float
    cloud: str
    location: str | None
    state: State
    code: str
    exit: int
    local: list[Step]
    endpoints: list[Endpoint]
    identity: list[Step]


def ok(step: Name, **evidence: str | int | float | bool | list[str]) -> Step:
    return Step(step=step, state=State.OK, evidence=evidence)


def skipped(step: Name, because: Because) -> Step:
    return Step(step=step, state=State.SKIPPED, because=because)


def failed(step: Name, cause: str, evidence: Evidence, *, state: State = State.FAILED) -> Step:
    return Step(step=step, state=state, cause=cause, code=AZCM[cause], evidence=evidence)


def told(step: Step, locale: str = DEFAULT) -> Step:
    """The step with the catalogue's words, in a person's language."""
    if not step.cause:
        return step
    seen = step.evidence.items()
    fields = {key: (", ".join(each) or "-") if isinstance(each, list) else each for key, each in seen}
    words = explain(Fault(step.cause, **fields), locale)
    return msgspec.structs.replace(
        step, title=words.title, message=words.message, why=words.cause, remedy=words.remedy
    )


def worst(steps: Iterable[Step]) -> State:
    """Of the steps of one walk; a step left out counts as well."""
    states = {each.state for each in steps}
    return next((each for each in (State.FAILED, State.WARNING) if each in states), State.OK)


def number(code: str) -> int:
    """The exit code of one of azcmagent's codes."""
    return int(code.removeprefix("AZCM"))
