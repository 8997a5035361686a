"""Azure's command line, made to know this control plane: what `oob az` puts into az's folder, and takes back.

`az` writes its own files itself; here they are only read, so that what is right already costs no start of it.
Beside them lies a file of ours that says what was made and what was before.
"""

from __future__ import annotations

import configparser
import os
import shutil
import ssl
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from outofband.core.errors import Fault
from outofband.core.secrets import write_private

PROGRAM = "az"
RUN_SECONDS = 120.0
"""For one run of az: it takes one or two, its first on a cold disk many more."""
BUNDLE = "outofband-ca.pem"
NOTES = "outofband.json"
USUAL_CLOUD = "AzureCloud"
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
"""Where Debian, Fedora and macOS keep the public authorities."""
_OFF = ("0", "no", "false", "off")
_MOST_DETAIL = 500


class Made(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One cloud that was registered: the address of its Resource Manager, and its authorities as PEM."""

    arm: str
    authorities: str


class Notes(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What `oob az setup` made in a folder, by the clouds' names, and what az was set to before the first."""

    clouds: dict[str, Made]
    public: str = ""
    """The file with the public authorities; empty where there is none."""
    cloud_before: str = USUAL_CLOUD
    discovery_before: str | None = None


class Folder:
    """The folder in which az keeps its settings and sign-ins (AZURE_CONFIG_DIR)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bundle = root / BUNDLE

    @classmethod
    def usual(cls, environment: Mapping[str, str] = os.environ) -> Folder:
        """The one that az takes when it is told none."""
        named = environment.get("AZURE_CONFIG_DIR")
        return cls(Path(named).expanduser().absolute() if named else Path.home() / ".azure")

    def resource_manager(self, cloud: str) -> str | None:
        """Of a registered cloud; None when there is no cloud of that name."""
        return self._setting("clouds.config", cloud, "endpoint_resource_manager")

    @property
    def cloud(self) -> str:
        """The one that az uses now."""
        return self._setting("config", "cloud", "name") or USUAL_CLOUD

    @property
    def discovery(self) -> str | None:
        """Whether az asks Microsoft about a login address it does not know, as it is written there."""
        return self._setting("config", "core", "instance_discovery")

    @property
    def asks_microsoft(self) -> bool:
        return (self.discovery or "true").lower() not in _OFF

    def accounts(self, cloud: str) -> list[str]:
        """Names of those who are signed in to a cloud. What cannot be read names nobody."""
        try:
            # az writes this one with a byte order mark.
            known = msgspec.json.decode((self.root / "azureProfile.json").read_text("utf-8-sig"))
            there = [each for each in known["subscriptions"] if each["environmentName"] == cloud]
            return list(dict.fromkeys(str(each["user"]["name"]) for each in there))
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def notes(self) -> Notes | None:
        """Raises Fault ProfileInvalid."""
        path = self.root / NOTES
        try:
            return msgspec.json.decode(path.read_bytes(), type=Notes)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Fault("ProfileInvalid", path=str(path), detail=error.strerror or str(error)) from error
        except msgspec.MsgspecError as error:
            raise Fault("ProfileInvalid", path=str(path), detail=str(error)) from error

    def keep(self, notes: Notes | None) -> None:
        """Write the notes and the bundle that belongs to them; None removes both. Raises StateNotWritable."""
        try:
            if notes is None:
                for path in (self.root / NOTES, self.bundle):
                    path.unlink(missing_ok=True)
                return
            write_private(self.bundle, bundle_of(notes))
            write_private(self.root / NOTES, msgspec.json.encode(notes))
        except OSError as error:
            detail = error.strerror or str(error)
            raise Fault("StateNotWritable", path=str(self.root), detail=detail) from error

    def _setting(self, file: str, section: str, name: str) -> str | None:
        read = configparser.ConfigParser(interpolation=None)
        try:
            read.read(self.root / file, "utf-8")
            return read.get(section, name, fallback=None)
        except (configparser.Error, UnicodeError, OSError):
            return None


class Az:
    """The program, working on one folder. `trace` is told each command before it runs."""

    def __init__(
        self,
        folder: Folder,
        environment: Mapping[str, str] = os.environ,
        trace: Callable[[str], None] | None = None,
    ) -> None:
        """Raises Fault AzureCliMissing."""
        found = shutil.which(PROGRAM, path=environment.get("PATH"))
        if found is None:
            raise Fault("AzureCliMissing", program=PROGRAM)
        self._program, self._trace = found, trace
        self._environment = {
            **environment,
            "AZURE_CONFIG_DIR": str(folder.root),
            "REQUESTS_CA_BUNDLE": str(folder.bundle),
            "AZURE_CORE_ONLY_SHOW_ERRORS": "true",
            "AZURE_CORE_COLLECT_TELEMETRY": "false",
        }

    def run(self, *words: str, cloud: str | None = None) -> None:
        """One command to its end, in another cloud than the one in use when `cloud` says so. Raises Fault
        AzureCliFailed. No word of it may be a secret.
        """
        command = " ".join((PROGRAM, *words))
        if self._trace:
            self._trace(command)
        try:
            done = subprocess.run(
                [self._program, *words, "--output", "none"],
                env=self._environment | ({"AZURE_CLOUD_NAME": cloud} if cloud is not None else {}),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=RUN_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            detail = f"no end after {RUN_SECONDS:.0f} s"
            raise Fault("AzureCliFailed", command=command, detail=detail) from error
        except OSError as error:
            raise Fault("AzureCliFailed", command=command, detail=error.strerror or str(error)) from error
        if done.returncode != 0:
            raise Fault("AzureCliFailed", command=command, detail=_complaint(done.stderr, done.returncode))


def public_authorities(environment: Mapping[str, str] = os.environ) -> str:
    """The file that az would trust here by what its user has set, else the system's; empty without one."""
    system = ssl.get_default_verify_paths().cafile or ""
    for path in (environment.get("REQUESTS_CA_BUNDLE", ""), system, *SYSTEM_BUNDLES):
        # Not one of ours, of another folder of az's either: that goes with its own undo.
        if path and Path(path).name != BUNDLE and Path(path).is_file():
            return path
    return ""


def bundle_of(notes: Notes) -> str:
    """The authorities of our clouds, then the public ones: az trusts this file alone, also towards others."""
    text = "".join(made.authorities for made in notes.clouds.values())
    try:
        return f"{text}\n{Path(notes.public).read_text('utf-8', errors='replace')}" if notes.public else text
    except OSError:
        return text


def _complaint(said: str, code: int) -> str:
    """The lines in which az tells what is wrong; without its tracebacks and examples."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    at = next((number for number, line in enumerate(lines) if line.startswith("ERROR:")), None)
    if at is None:
        return (lines[-1] if lines else f"exit code {code}")[:_MOST_DETAIL]
    told = [lines[at].removeprefix("ERROR:").strip()]
    told += [line for line in lines[at + 1 : at + 3] if line.startswith("Please")]
    return " ".join(told)[:_MOST_DETAIL]
