"""What a conversation with a server of Remote Desktop means: the catalogue's code for what stands in the way.

The order of the tests is that of the conversation: the first thing that did not go on is the cause. What
works and will not for long, or works with less safety than it should, is a warning beside it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.wire.rdp import errors
from outofband.wire.rdp.credssp import BINDS_BY_HASH
from outofband.wire.rdp.errors import Info, Licence, Status, named
from outofband.wire.rdp.probe import End, Seen, Stage
from outofband.wire.rdp.x224 import Refused, Security
from outofband.wire.ssh import readable


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`fault` None: as deep as was looked, it works."""

    fault: Fault | None
    warnings: list[Fault]


def judge(
    seen: Seen,
    *,
    host: str,
    port: int,
    user: str = "",
    now: datetime | None = None,
    forwarded: bool = False,
) -> Verdict:
    """`host`, `port` and `user` are for the words; `now` for the certificate's dates; `forwarded` is that of
    `wire.ssh.judge`.
    """
    where = {"host": host, "port": port}
    fault = _fault(seen, where, user)
    if forwarded and fault is not None and fault.code == "RdpCut" and seen.stage is Stage.CONFIRM:
        fault = Fault("GuestPortClosed", **where)
    return Verdict(
        fault=fault,
        warnings=[Fault(code, **where, **more) for code, more in _warnings(seen, user, now or clock.now())],
    )


def _fault(seen: Seen, where: dict[str, Any], user: str) -> Fault | None:
    match seen.stage:
        case Stage.OVER:
            return None
        case Stage.CONFIRM:
            return _unconfirmed(seen, where)
        case Stage.TLS:
            cut = seen.end in (End.CLOSED, End.RESET)
            return Fault("RdpTlsCut" if cut else "RdpTlsFailed", **where, detail=seen.detail)
        case Stage.CREDSSP:
            return _not_signed_in(seen, where, user)
        case Stage.EARLY:
            if seen.early == errors.EARLY_DENIED:
                return Fault("RdpUserNotAllowed", **where, user=user)
    return _ended(seen, where, user)


def _unconfirmed(seen: Seen, where: dict[str, Any]) -> Fault:
    if seen.refused == Refused.NO_CERTIFICATE:
        return Fault("RdpNoCertificate", **where)
    if seen.refused == Refused.CREDSSP_REQUIRED:
        # The client is what has to do more; that no layer is shared has its cause in the server.
        return Fault("RdpNlaRequired", **where)
    if seen.refused is not None:
        return Fault("RdpSecurityRefused", **where, reason=named(Refused, seen.refused))
    if seen.end is End.SILENT:
        return Fault("RdpSilent", **where)
    if seen.end is End.BROKEN or seen.sample:
        return Fault("RdpNotSpoken", **where, sample=readable(seen.sample) or seen.detail)
    return Fault("RdpCut", **where, stage=seen.stage.value, detail=seen.detail)


def _not_signed_in(seen: Seen, where: dict[str, Any], user: str) -> Fault:
    status = seen.status
    if seen.too_old:
        return Fault("RdpCredSspOld", **where, version=seen.credssp_version)
    if status is None:
        if seen.challenge is not None and seen.end in (End.CLOSED, End.RESET):
            # Of a wrong password some servers say nothing; they close.
            return Fault("RdpSignInCut", **where, user=user)
        return Fault("RdpCut", **where, stage=seen.stage.value, detail=seen.detail)
    name = named(Status, status)
    if status in errors.WRONG_CREDENTIALS:
        return Fault("RdpWrongCredentials", **where, user=user, status=name)
    if status in errors.OLD_PASSWORD:
        return Fault("RdpPasswordMustChange", **where, user=user, status=name)
    if status in errors.REFUSED_ACCOUNT:
        return Fault("RdpAccountRefused", **where, user=user, status=name)
    if status in errors.NO_AUTHORITY:
        domain = seen.challenge.dns_domain or seen.challenge.domain if seen.challenge else ""
        return Fault("RdpAuthorityUnreachable", **where, status=name, domain=domain or "?")
    return Fault("RdpSignInFailed", **where, user=user, status=name)


def _ended(seen: Seen, where: dict[str, Any], user: str) -> Fault:
    """A session that a server began and did not go on with."""
    info = seen.error_info
    if seen.licence == Licence.NO_LICENSE_SERVER or info == Info.LICENSE_NO_LICENSE_SERVER:
        return Fault("RdpNoLicenceServer", **where)
    if seen.licence is not None and seen.licence != Licence.VALID_CLIENT:
        return Fault("RdpNoLicence", **where, reason=named(Licence, seen.licence))
    if info is not None and info in errors.LICENCE_INFO:
        return Fault("RdpNoLicence", **where, reason=named(Info, info))
    if info is not None and info in errors.REFUSED_INFO:
        return Fault("RdpUserNotAllowed", **where, user=user)
    if info is not None:
        return Fault("RdpSessionEnded", **where, reason=named(Info, info))
    return Fault("RdpCut", **where, stage=seen.stage.value, detail=seen.detail)


def _warnings(seen: Seen, user: str, now: datetime) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    certificate = seen.certificate
    ends = certificate.not_after if certificate is not None else None
    begins = certificate.not_before if certificate is not None else None
    if ends is not None and ends < now:
        found.append(("RdpCertificateEnded", {"until": clock.iso(ends)}))
    if begins is not None and begins > now:
        found.append(("RdpCertificateNotYet", {"since": clock.iso(begins)}))
    if seen.end is End.DONE and (seen.selected or Security.RDP) is Security.RDP:
        found.append(("RdpWeakSecurity", {}))
    if user and seen.end is End.DONE and not seen.signed_in:
        found.append(("RdpPasswordNotTried", {"user": user}))
    if seen.credssp_version is not None and seen.credssp_version < BINDS_BY_HASH and not seen.too_old:
        found.append(("RdpCredSspOld", {"version": seen.credssp_version}))
    return found
