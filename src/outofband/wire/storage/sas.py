"""Shared access signatures: a part of an account's rights, put into an address and signed with its key.

Two kinds: a *service* SAS is for one container or blob, an *account* SAS for kinds of resources. What is
signed has grown with the versions; each is signed as its own `sv` says.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from outofband.core.errors import Fault
from outofband.wire.storage.shared_key import same, signature

ORDER = "racwdxyltfmeoip"
"""The order in which permissions are written."""
_TIME = re.compile(r"^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,7})?)?(Z|[+-]\d\d:\d\d))?\Z", re.ASCII)
_OVERRIDES = ("rscc", "rscd", "rsce", "rscl", "rsct")
OVERRIDDEN = {
    "rscc": "Cache-Control",
    "rscd": "Content-Disposition",
    "rsce": "Content-Encoding",
    "rscl": "Content-Language",
    "rsct": "Content-Type",
}
"""Headers of an answer that a service SAS may set."""
_RESOURCES = frozenset({"b", "c"})
_VERSION = re.compile(r"^\d{4}-\d\d-\d\d\Z", re.ASCII)
_OLDEST = "2012-02-12"
"""The first version that is signed itself: of an older one anybody could say that it is meant."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A stored access policy of a container: what a SAS that names it (`si`) leaves open."""

    id: str
    start: str = ""
    expiry: str = ""
    permissions: str = ""


class Sas(msgspec.Struct, frozen=True, kw_only=True):
    """The signed fields, by their names in the query; empty when absent."""

    sv: str
    sig: str
    sp: str = ""
    st: str = ""
    se: str = ""
    sip: str = ""
    spr: str = ""
    sr: str = ""
    """Of a service SAS: `b` a blob, `c` a container."""
    si: str = ""
    ses: str = ""
    snapshot: str = ""
    rscc: str = ""
    rscd: str = ""
    rsce: str = ""
    rscl: str = ""
    rsct: str = ""
    ss: str = ""
    """Of an account SAS: services, `b` among them."""
    srt: str = ""
    """Of an account SAS: kinds of resources, of `s` service, `c` container, `o` object."""

    @property
    def is_account(self) -> bool:
        return bool(self.ss or self.srt)

    @property
    def overrides(self) -> dict[str, str]:
        """Headers of the answer. Of an account SAS there are none: there they are not signed."""
        if self.is_account:
            return {}
        given = {header: getattr(self, name) for name, header in OVERRIDDEN.items()}
        # Fields of an answer are written in Latin-1: so they carry UTF-8.
        return {header: value.encode().decode("latin-1") for header, value in given.items() if value}

    def text(self, account: str, path: str) -> str:
        """The string to sign. `path` is that of the signed resource, unquoted: `/container/blob`."""
        if self.is_account:
            lines = [account, self.sp, self.ss, self.srt, self.st, self.se, self.sip, self.spr, self.sv]
            if self.sv >= "2020-12-06":
                lines.append(self.ses)
            return "\n".join(lines) + "\n"
        prefix = "/blob" if self.sv >= "2015-02-21" else ""
        lines = [self.sp, self.st, self.se, f"{prefix}/{account}{path}", self.si]
        if self.sv >= "2015-04-05":
            lines += [self.sip, self.spr]
        if self.sv >= "2012-02-12":
            lines.append(self.sv)
        if self.sv >= "2018-11-09":
            lines += [self.sr, self.snapshot]
        if self.sv >= "2020-12-06":
            lines.append(self.ses)
        if self.sv >= "2013-08-15":
            lines += [getattr(self, name) for name in _OVERRIDES]
        return "\n".join(lines)

    def signed(self, account: str, path: str, key: bytes) -> Sas:
        return msgspec.structs.replace(self, sig=signature(self.text(account, path), key))

    def query(self) -> list[tuple[str, str]]:
        """What goes into an address, to be quoted there."""
        return [(name, value) for name, value in msgspec.structs.asdict(self).items() if value]


def read(query: Iterable[tuple[str, str]]) -> Sas | None:
    """None when the query has no signature. Raises Fault StorageAuthenticationFailed for half a one."""
    given: dict[str, str] = {}
    for name, value in query:
        if name.lower() in Sas.__struct_fields__:
            if name.lower() in given:
                raise _refused(f"the parameter {name} is there twice")
            given[name.lower()] = value
    if "sig" not in given:
        return None
    version = given.get("sv", "")
    if not _VERSION.match(version) or version < _OLDEST:
        raise _refused("the signed version sv is missing, malformed or too old")
    found = msgspec.convert(given, Sas)
    if (field := unclean(found)) is not None:
        raise _refused(f"{field} has control characters")
    if not found.is_account and found.sr not in _RESOURCES:
        raise _refused(f"the signed resource sr={found.sr[:8]} is not supported")
    return found


def unclean(sas: Sas) -> str | None:
    """The first field that has control characters. Fields are signed as lines, so one with a line end could
    pass for several of them; and no header carries them.
    """
    for name, value in msgspec.structs.asdict(sas).items():
        if any(ord(each) < 32 or ord(each) == 127 for each in value):
            return name
    return None


def verify(sas: Sas, *, accounts: Sequence[str], container: str, blob: str, keys: Iterable[bytes]) -> None:
    """Raises Fault StorageAuthenticationFailed when no key signed this for here.

    `accounts`: the spellings under which clients may have signed the account's name.
    """
    path = f"/{container}" if sas.sr == "c" else f"/{container}/{blob}"
    for key in keys:
        for account in accounts:
            if same(signature(sas.text(account, path), key), sas.sig):
                return
    expected = sas.text(accounts[0], path).replace("\n", "\\n")
    raise _refused(f"the signature does not fit; the string to sign is '{expected[:1000]}'")


def resolved(sas: Sas, policies: Iterable[Policy]) -> Sas:
    """With what the stored policy says that it names. Raises Fault StorageAuthenticationFailed."""
    if not sas.si or sas.is_account:
        # Of an account SAS the name of a policy is not signed, so it means nothing.
        return sas
    policy = next((each for each in policies if each.id == sas.si), None)
    if policy is None:
        raise _refused("the stored access policy si does not exist")
    for name, own, stored in (
        ("st", sas.st, policy.start),
        ("se", sas.se, policy.expiry),
        ("sp", sas.sp, policy.permissions),
    ):
        if own and stored:
            raise _refused(f"{name} is in the address and in the stored access policy")
    return msgspec.structs.replace(
        sas,
        st=sas.st or policy.start,
        se=sas.se or policy.expiry,
        sp=sas.sp or policy.permissions,
    )


def check(sas: Sas, *, now: datetime, address: str, https: bool) -> None:
    """Time, place and protocol of a SAS whose signature is right.

    Raises Fault StorageAuthenticationFailed, AuthorizationSourceIPMismatch or AuthorizationProtocolMismatch.
    """
    expiry = moment(sas.se)
    if expiry is None:
        raise _refused("the expiry se is missing or malformed")
    start = moment(sas.st) if sas.st else None
    if sas.st and start is None:
        raise _refused("the start st is malformed")
    if start is not None and now < start:
        raise _refused(f"the signature is not valid before {sas.st}")
    if now >= expiry:
        raise _refused(f"the signature was valid until {sas.se}")
    if not sas.sp:
        raise _refused("the permissions sp are missing")
    if sas.sip and not _within(address, sas.sip):
        raise Fault("AuthorizationSourceIPMismatch", address=address)
    if sas.spr and not https and "http" not in sas.spr.lower().split(","):
        raise Fault("AuthorizationProtocolMismatch")


def moment(text: str) -> datetime | None:
    """A time in one of the forms that are allowed; without an offset it is UTC, where it is a day only."""
    if not _TIME.match(text):
        return None
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def written(at: datetime) -> str:
    """The form in which times are signed here: UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def permissions(letters: str) -> str:
    """The letters in the order in which they are signed, each once."""
    return "".join(each for each in ORDER if each in letters)


def _within(address: str, signed: str) -> bool:
    first, _, last = signed.partition("-")
    try:
        here = ipaddress.ip_address(address)
        low, high = ipaddress.ip_address(first.strip()), ipaddress.ip_address((last or first).strip())
    except ValueError:
        return False
    if here.version != low.version or here.version != high.version:
        return False
    return int(low) <= int(here) <= int(high)


def _refused(detail: str) -> Fault:
    return Fault("StorageAuthenticationFailed", detail=detail)
