"""AWS Signature Version 4, the part that S3-compatible stores want of requests with headers (path style).

Source: the S3 API reference, "Authenticating Requests (AWS Signature Version 4)". Bodies are not signed: they
are streamed, and checked by their MD5 afterwards.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

import msgspec

UNSIGNED = "UNSIGNED-PAYLOAD"
ALGORITHM = "AWS4-HMAC-SHA256"
_SERVICE = "s3"


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    access_key: str
    secret_key: str
    region: str = "us-east-1"

    def __repr__(self) -> str:
        return f"Credentials(access_key={self.access_key!r}, region={self.region!r})"


def quoted(path: str) -> str:
    """A path the way it is both signed and sent."""
    return quote(path, safe="/-_.~")


def signed(
    credentials: Credentials,
    *,
    method: str,
    host: str,
    path: str,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    payload: str = UNSIGNED,
    now: datetime,
) -> dict[str, str]:
    """`headers` with those that authenticate the request. `path` is quoted already; `payload` is the body's
    SHA-256 in hex, or UNSIGNED.
    """
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    day = stamp[:8]
    given = {**(headers or {}), "x-amz-date": stamp, "x-amz-content-sha256": payload}
    lower = {"host": host, **{name.lower(): " ".join(value.split()) for name, value in given.items()}}
    names = sorted(lower)
    canonical = "\n".join(
        [
            method,
            path,
            "&".join(
                f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in _sorted(query)
            ),
            *(f"{name}:{lower[name]}" for name in names),
            "",
            ";".join(names),
            payload,
        ]
    )
    scope = f"{day}/{credentials.region}/{_SERVICE}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join([ALGORITHM, stamp, scope, digest])
    key = f"AWS4{credentials.secret_key}".encode()
    for part in (day, credentials.region, _SERVICE, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    given["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return given


def _sorted(query: Mapping[str, str] | None) -> list[tuple[str, str]]:
    return sorted((query or {}).items())
