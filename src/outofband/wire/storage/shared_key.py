"""Shared Key and Shared Key Lite: who has an account's key signs each request with it.

`Authorization: SharedKey ACCOUNT:BASE64`, an HMAC-SHA256 over the request line, some headers, every `x-ms-`
header and the resource.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

from outofband.core.errors import Fault
from outofband.wire.storage.asked import Asked, http_date

SCHEMES = ("sharedkey", "sharedkeylite")
MAX_SKEW = timedelta(minutes=15)
"""By how much the signed date may differ from ours."""
EMPTY_LENGTH_SINCE = "2015-02-21"
"""From this version on a length of zero is signed as an empty line."""
_SIGNED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What an Authorization header says."""

    lite: bool
    account: str
    """As the client spells it: with a path in front when it works with addresses that have one."""
    signature: str


def read(authorization: str) -> Claim | None:
    """None when it is another scheme. Raises Fault StorageAuthenticationFailed when it is malformed."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() not in SCHEMES:
        return None
    account, separator, signature = rest.strip().rpartition(":")
    if not separator or not account or not signature:
        raise Fault("StorageAuthenticationFailed", detail="the Authorization header is not ACCOUNT:SIGNATURE")
    return Claim(lite=scheme.lower() == "sharedkeylite", account=account, signature=signature)


def verify(asked: Asked, claim: Claim, keys: Iterable[bytes], now: datetime) -> None:
    """Raises Fault StorageAuthenticationFailed when no key made the signature, or the date is too far off."""
    signed = asked.header("x-ms-date") or asked.header("date")
    moment = http_date(signed) if signed else None
    if moment is None:
        raise Fault("StorageAuthenticationFailed", detail="the request has no x-ms-date header")
    if abs(now - moment) > MAX_SKEW:
        detail = f"the request's date {signed} is more than 15 minutes from the server's"
        raise Fault("StorageAuthenticationFailed", detail=detail)
    for key in keys:
        for text in texts(asked, claim):
            if same(signature(text, key), claim.signature):
                return
    expected = next(texts(asked, claim)).replace("\n", "\\n")
    detail = f"the signature does not fit; the string to sign is '{expected[:1000]}'"
    raise Fault("StorageAuthenticationFailed", detail=detail)


def texts(asked: Asked, claim: Claim) -> Iterator[str]:
    """The string to sign. There are two when the order of headers depends on how names are compared."""
    ordinal = sorted(name for name in asked.headers if name.startswith("x-ms-"))
    yield _text(asked, claim, ordinal)
    cultural = sorted(ordinal, key=_cultural)
    if cultural != ordinal:
        yield _text(asked, claim, cultural)


def signature(text: str, key: bytes) -> str:
    """HMAC-SHA256 in base64."""
    return base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()


def same(one: str, other: str) -> bool:
    """Compare two signatures without telling by the time it takes how much was right."""
    try:
        return hmac.compare_digest(base64.b64decode(one), base64.b64decode(other, validate=True))
    except (binascii.Error, ValueError):
        return False


def _text(asked: Asked, claim: Claim, names: Iterable[str]) -> str:
    headers = asked.headers
    own = "".join(f"{name}:{_folded(headers[name])}\n" for name in names)
    # What is sent as x-ms-date is among the x-ms- headers already.
    date = "" if headers.get("x-ms-date") else headers.get("date", "")
    if claim.lite:
        lines = [asked.method, headers.get("content-md5", ""), headers.get("content-type", ""), date]
        return "\n".join(lines) + "\n" + own + _lite_resource(asked, claim.account)
    fixed: Mapping[str, str] = {**headers, "date": date}
    lines = [asked.method, *(fixed.get(name, "") for name in _SIGNED)]
    if asked.version >= EMPTY_LENGTH_SINCE and lines[3] == "0":
        lines[3] = ""
    return "\n".join(lines) + "\n" + own + _resource(asked, claim.account)


def _resource(asked: Asked, account: str) -> str:
    values: dict[str, list[str]] = {}
    for name, value in asked.query:
        values.setdefault(name.lower(), []).append(value)
    rest = "".join(f"\n{name}:{','.join(sorted(values[name]))}" for name in sorted(values))
    return f"/{account}{asked.path}{rest}"


def _lite_resource(asked: Asked, account: str) -> str:
    component = asked.parameter("comp")
    return f"/{account}{asked.path}" + (f"?comp={component}" if component is not None else "")


def _folded(value: str) -> str:
    return value.strip()


def _cultural(name: str) -> tuple[str, str]:
    """The service compares names as words: an underscore comes before digits, and a hyphen counts only where
    nothing else tells two names apart.
    """
    return name.replace("-", "").replace("_", "!"), name
