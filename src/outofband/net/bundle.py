"""The agent's package: one file with everything that a server needs to run the agent, made of what runs here.

A tar archive of wheels: this project's own and those it depends on, written anew from what is installed, and
a list of them with hashes. So a server that can reach nobody but its control plane can be connected. Where
its Python or its processor is another one, `index.txt` names the same versions for an index to install from.
The same installation makes the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import io
import platform
import re
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import msgspec

import outofband

PROJECT = "outofband"
INSTALLER = "pip"
MANIFEST, LOCKED, INDEX, WHEELS = "manifest.json", "requirements.txt", "index.txt", "wheels"
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_NOT_OURS = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
_PORTAL = "outofband/http/web"
"""Only a control plane shows it."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """What the wheels run on: `python` as in their names (cp311), `machine` and `libc` as `platform` says."""

    version: str
    python: str
    machine: str
    libc: str


class Wheel(msgspec.Struct, frozen=True):
    """`data` is the file."""

    project: str
    version: str
    name: str
    data: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def here() -> Fit:
    return Fit(
        version=outofband.__version__,
        python=f"cp{sys.version_info.major}{sys.version_info.minor}",
        machine=platform.machine(),
        libc=platform.libc_ver()[0] or "other",
    )


def file_name(fit: Fit) -> str:
    return f"outofband-agent-{fit.version}-{fit.python}-{fit.machine}.tar"


def build() -> bytes:
    """The archive. Reads the whole installation: seconds, and some ten megabytes. Blocks."""
    wheels = [wheel(each) for each in needed()]
    locked = "".join(
        f"{each.project}=={each.version} --hash=sha256:{each.sha256}\n"
        for each in wheels
        if each.project != INSTALLER
    )
    files = [
        (MANIFEST, msgspec.json.format(msgspec.json.encode(here()))),
        (LOCKED, locked.encode()),
        (INDEX, _index()),
        *((f"{WHEELS}/{each.name}", each.data) for each in wheels),
    ]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def needed() -> list[metadata.Distribution]:
    """This project, what it needs without its extras, and pip, as they are installed; sorted by name."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [PROJECT, INSTALLER]
    while waiting:
        name = _canonical(waiting.pop())
        if name in found:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # of another system or Python: what applies here is installed here
        for line in _requires(found[name]):
            words, _, marker = line.partition(";")
            match = _NAME.match(words)
            # The extras of others are asked for in brackets; this project asks for none.
            if match is not None and "extra" not in marker:
                waiting.append(match[1])
    return [found[name] for name in sorted(found)]


def _requires(distribution: metadata.Distribution) -> list[str]:
    """What a distribution says that it needs; a checkout says it itself, whenever it was installed."""
    project = Path(outofband.__file__).parents[2] / "pyproject.toml"
    if _canonical(distribution.metadata["Name"]) == PROJECT and project.is_file():
        told: list[str] = tomllib.loads(project.read_text("utf-8"))["project"]["dependencies"]
        return told
    return distribution.requires or []


def wheel(distribution: metadata.Distribution) -> Wheel:
    """An installed distribution as the wheel it came from, without programs, which pip makes anew."""
    name = re.sub(r"[-_.]+", "_", distribution.metadata["Name"])
    version = distribution.version
    # A distribution reads its list anew each time it is asked.
    files = list(distribution.files or ())
    info = _info(name, files)
    record, packed = [], io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data, mode in sorted(_files(_canonical(name) == PROJECT, files, info)):
            _add(archive, path, data, mode)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{_quoted(path)},sha256={digest},{len(data)}\n")
        place = f"{info}/RECORD"
        _add(archive, place, "".join([*record, f"{place},,\n"]).encode(), 0o644)
    return Wheel(_canonical(name), version, f"{name}-{version}-{_tag(distribution)}.whl", packed.getvalue())


def _files(ours: bool, files: list[metadata.PackagePath], folder: str) -> Iterator[tuple[str, bytes, int]]:
    """Path in the wheel, content, mode; if it is `ours`, the package itself, wherever it is run from."""
    for file in files:
        path = file.as_posix()
        info = path.startswith(f"{folder}/")
        if path.startswith(("..", "/")) or "__pycache__" in path or path.endswith(".pyc"):
            continue
        if info and path.partition("/")[2] in _NOT_OURS:
            continue
        if not info and ours:
            continue
        yield path, *_read(Path(str(file.locate())))
    if ours:
        top = Path(outofband.__file__).parent
        for place in top.rglob("*"):
            path = place.relative_to(top.parent).as_posix()
            if place.is_symlink() or "/." in path:
                # Of whoever works in a checkout, and everybody may fetch the package.
                continue
            if place.is_file() and "__pycache__" not in path and not path.startswith(_PORTAL):
                yield path, *_read(place)


def _read(path: Path) -> tuple[bytes, int]:
    return path.read_bytes(), 0o755 if path.stat().st_mode & 0o100 else 0o644


def _add(archive: zipfile.ZipFile, path: str, data: bytes, mode: int) -> None:
    entry = zipfile.ZipInfo(path, _EPOCH)
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, (0o100000 | mode) << 16
    archive.writestr(entry, data)


def _info(name: str, files: list[metadata.PackagePath]) -> str:
    """Name of the folder `*.dist-info`."""
    for file in files:
        if file.parts[0].endswith(".dist-info"):
            return file.parts[0]
    raise ValueError(f"{name} was not installed from a wheel")


def _tag(distribution: metadata.Distribution) -> str:
    """One of the tags it was made for, the one for Python 3 if there are several."""
    text = distribution.read_text("WHEEL") or ""
    tags = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("Tag:")]
    return next((each for each in tags if not each.startswith("py2-")), "py3-none-any")


def _index() -> bytes:
    """The hashed lock of the run-time libraries: beside the package, or in the checkout it runs from."""
    package = Path(outofband.__file__).parent
    for place in (package / "net" / "run.txt", package.parents[1] / "requirements" / "run.txt"):
        if place.is_file():
            return place.read_bytes()
    return b""


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _quoted(path: str) -> str:
    return f'"{path}"' if "," in path else path
