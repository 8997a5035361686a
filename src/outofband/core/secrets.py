"""Making, comparing and keeping secrets. Files that hold one are 0600 and appear whole or not at all."""

from __future__ import annotations

import glob
import hashlib
import hmac
import os
import secrets
from pathlib import Path

TOKEN_BYTES = 32


def token() -> str:
    """256 bits of randomness, URL-safe text. It never begins with a hyphen: `az login --password` takes such
    a secret for an option.
    """
    while (made := secrets.token_urlsafe(TOKEN_BYTES)).startswith("-"):
        pass
    return made


def digest(secret: str) -> str:
    """SHA-256 in hex. Right for secrets of full entropy only; passwords of people need a slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matches(secret: str, stored_digest: str) -> bool:
    """Compare without telling, by the time it takes, how much was right."""
    return hmac.compare_digest(digest(secret), stored_digest)


def write_private(path: Path, data: bytes | str, *, like_folder: bool = True) -> None:
    """Write a 0600 file atomically: a crash leaves the old content or the new, never half of one.

    `like_folder`: written by root it belongs to whom the folder belongs, a service's own user. Otherwise what
    root changes there, the service could not read any more.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    body = data.encode() if isinstance(data, str) else data
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            if like_folder and os.geteuid() == 0:
                folder = path.parent.stat()
                os.fchown(handle, folder.st_uid, folder.st_gid)
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def remove_private(path: Path) -> None:
    """Remove what `write_private` wrote, and what a writer left beside it that was killed before its end."""
    path.unlink(missing_ok=True)
    for scratch in path.parent.glob(f".{glob.escape(path.name)}.*"):
        scratch.unlink(missing_ok=True)
