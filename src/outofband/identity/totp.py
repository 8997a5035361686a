"""Codes of authenticator apps (RFC 6238 with its defaults: SHA-1, six digits, 30 seconds), and the picture
that an app is set up with.
"""

from __future__ import annotations

import base64
import hmac
import io
import secrets
from datetime import datetime

STEP_SECONDS = 30
WINDOW = 1
"""Steps by which the clock of a phone may be off, before and after."""
SECRET_BYTES = 20
"""As long as the hash (RFC 4226 section 4)."""
ISSUER = "Outofband"
_DIGITS = 6
_SCALE = 5
_GROUP = 4


def make() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


def text(secret: bytes) -> str:
    """For people who type it: base32, in groups of four."""
    plain = _base32(secret)
    return " ".join(plain[at : at + _GROUP] for at in range(0, len(plain), _GROUP))


def address(secret: bytes, name: str, host: str) -> str:
    """What the picture says to an app: an `otpauth://` address. `host` tells installations apart."""
    import pyotp

    made: str = pyotp.TOTP(_base32(secret)).provisioning_uri(name=name, issuer_name=f"{ISSUER} {host}")
    return made


def picture(address: str) -> str:
    """A QR code as SVG, black on white whatever the page's colours, without style, script or address."""
    import segno

    out = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        out, kind="svg", scale=_SCALE, border=4, dark="#000", light="#fff", xmldecl=False, svgns=False
    )
    return out.getvalue().decode()


def step_of(secret: bytes, typed: str, now: datetime) -> int | None:
    """The time step whose code was typed, within the window; None when it is none's."""
    import pyotp

    code = "".join(typed.split())
    if len(code) != _DIGITS or not (code.isascii() and code.isdigit()):
        return None
    generator, current = pyotp.TOTP(_base32(secret)), int(now.timestamp()) // STEP_SECONDS
    found = None
    # All are compared, whichever is right: how long it takes tells nothing.
    for step in range(current - WINDOW, current + WINDOW + 1):
        if hmac.compare_digest(generator.generate_otp(step).encode(), code.encode()):
            found = step
    return found


def code_at(secret: bytes, now: datetime) -> str:
    """The code of this moment, as an app shows it."""
    import pyotp

    code: str = pyotp.TOTP(_base32(secret)).generate_otp(int(now.timestamp()) // STEP_SECONDS)
    return code


def _base32(secret: bytes) -> str:
    return base64.b32encode(secret).decode().rstrip("=")
