"""A machine's own disk: an empty qcow2 file over the image, which itself is never written to.

Written by hand because it is two pages of header, and needs no program beside QEMU. The layout is QEMU's
docs/interop/qcow2.txt: header, refcount table, refcount block, L1 table, each in a cluster of its own.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from outofband.core.errors import Fault
from outofband.core.secrets import write_private

_CLUSTER_BITS = 16
_CLUSTER = 1 << _CLUSTER_BITS
_COVERED = _CLUSTER * (_CLUSTER // 8)
"""Guest bytes one L1 entry stands for: a cluster full of 8-byte L2 entries."""
_HEADER = struct.Struct(">4sIQIIQIIQQIIQQQQII")
_EXTENSION = struct.Struct(">II")
_BACKING_FORMAT = 0xE2792ACA
_MAGIC = b"QFI\xfb"
_MAX_NAME = 1023
MAX_SIZE = 16 << 40
"""Largest image, bytes; its L1 table then takes four clusters."""


def create(path: Path, image: Path, kind: str | None) -> None:
    """Make the overlay at `path` (0600) unless it exists. `kind` is raw, qcow2 or None to tell by the name.

    Raises Fault VmStartFailed when the image cannot be used.
    """
    if path.exists():
        return
    kind = kind or ("qcow2" if image.suffix == ".qcow2" else "raw")
    try:
        empty = header(os.fsencode(image), kind, _virtual_size(image, kind))
    except (OSError, ValueError, struct.error) as error:
        detail = error.strerror if isinstance(error, OSError) else str(error)
        raise Fault("VmStartFailed", detail=f"the disk image '{image}': {detail}") from error
    write_private(path, empty)


def header(image: bytes, kind: str, size: int) -> bytes:
    """The whole of an empty overlay. `size` is the image's size as the guest sees it, bytes.

    Raises ValueError for a size or a name the format has no room for.
    """
    if not 0 < size <= MAX_SIZE:
        raise ValueError(f"expected a size up to {MAX_SIZE} bytes, got {size}")
    if len(image) > _MAX_NAME:
        raise ValueError(f"expected a path of at most {_MAX_NAME} bytes, got {len(image)}")
    entries = -(-size // _COVERED)
    table_clusters = -(-entries * 8 // _CLUSTER)
    format_name = kind.encode()
    extensions = _EXTENSION.pack(_BACKING_FORMAT, len(format_name)) + format_name
    extensions += bytes(-len(extensions) % 8) + _EXTENSION.pack(0, 0)
    fields = _HEADER.pack(
        _MAGIC,
        3,  # version
        _HEADER.size + len(extensions),  # where the name of the backing file begins
        len(image),
        _CLUSTER_BITS,
        size,
        0,  # no encryption
        entries,
        3 * _CLUSTER,  # L1 table
        _CLUSTER,  # refcount table
        1,  # clusters of the refcount table
        0,  # snapshots
        0,
        0,  # incompatible features
        0,  # compatible features
        0,  # autoclear features
        4,  # refcounts of 2^4 bits
        _HEADER.size,
    )
    used = 3 + table_clusters
    parts = [
        fields + extensions + image,
        struct.pack(">Q", 2 * _CLUSTER),  # refcount table: its one block
        struct.pack(">H", 1) * used,  # refcount block: every cluster up to here is used once
        bytes(table_clusters * _CLUSTER),  # L1 table: nothing allocated
    ]
    return b"".join(part.ljust(_CLUSTER, b"\0") for part in parts)


def _virtual_size(image: Path, kind: str) -> int:
    with image.open("rb") as file:
        if kind == "raw":
            size = file.seek(0, os.SEEK_END)
            return size + -size % 512
        magic, _, _, _, _, size = struct.unpack(">4sIQIIQ", file.read(32))
        if magic != _MAGIC:
            raise ValueError("it is no qcow2 file")
        return int(size)
