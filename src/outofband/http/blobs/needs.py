"""What each operation needs: letters of a signature, or an action of a role."""

from __future__ import annotations

import enum

import msgspec

_BLOB_SERVICES = "Microsoft.Storage/storageAccounts/blobServices"
_CONTAINERS = f"{_BLOB_SERVICES}/containers"
BLOBS = f"{_CONTAINERS}/blobs"
ADD = f"{BLOBS}/add/action"


class Level(enum.StrEnum):
    """Kinds of resources, by the letter that a signature names them with."""

    SERVICE = "s"
    CONTAINER = "c"
    OBJECT = "o"


class Need(msgspec.Struct, frozen=True, kw_only=True):
    level: Level
    letters: str
    """One of these suffices; empty: no signature does."""
    right: str
    """Of a role."""
    data: bool = True
    """The right is a data action."""
    by_service: bool = True
    """A signature for one container or blob may allow it, not only one for the account."""
    public: str = ""
    """Which kinds of public containers allow it to anyone: `blob container`."""
    makes: bool = False
    """It makes a blob, or writes over one: for the first other letters and rights suffice."""


LIST_CONTAINERS = Need(level=Level.SERVICE, letters="l", right=f"{_CONTAINERS}/read", data=False)
READ_SERVICE = Need(level=Level.SERVICE, letters="r", right=f"{_BLOB_SERVICES}/read", data=False)
ACCOUNT_INFO = Need(
    level=Level.SERVICE,
    letters="racwdxyltfmeoip",
    right=f"{_BLOB_SERVICES}/getInfo/action",
    data=False,
)
CREATE_CONTAINER = Need(
    level=Level.CONTAINER, letters="cw", right=f"{_CONTAINERS}/write", data=False, by_service=False
)
READ_CONTAINER = Need(
    level=Level.CONTAINER,
    letters="r",
    right=f"{_CONTAINERS}/read",
    data=False,
    by_service=False,
    public="container",
)
WRITE_CONTAINER = Need(
    level=Level.CONTAINER, letters="w", right=f"{_CONTAINERS}/write", data=False, by_service=False
)
LEASE_CONTAINER = Need(
    level=Level.CONTAINER, letters="wd", right=f"{_CONTAINERS}/write", data=False, by_service=False
)
DELETE_CONTAINER = Need(
    level=Level.CONTAINER, letters="d", right=f"{_CONTAINERS}/delete", data=False, by_service=False
)
READ_ACL = Need(level=Level.CONTAINER, letters="", right=f"{_CONTAINERS}/getAcl/action", data=False)
WRITE_ACL = Need(level=Level.CONTAINER, letters="", right=f"{_CONTAINERS}/setAcl/action", data=False)
LIST_BLOBS = Need(level=Level.CONTAINER, letters="l", right=f"{BLOBS}/read", public="container")
READ_BLOB = Need(level=Level.OBJECT, letters="r", right=f"{BLOBS}/read", public="blob container")
MAKE_BLOB = Need(level=Level.OBJECT, letters="cw", right=f"{BLOBS}/write", makes=True)
APPEND_BLOB = Need(level=Level.OBJECT, letters="aw", right=f"{BLOBS}/write", makes=True)
WRITE_BLOB = Need(level=Level.OBJECT, letters="w", right=f"{BLOBS}/write")
LEASE_BLOB = Need(level=Level.OBJECT, letters="wd", right=f"{BLOBS}/write")
DELETE_BLOB = Need(level=Level.OBJECT, letters="d", right=f"{BLOBS}/delete")
