"""`oob trust`: how the programs of this machine come to trust the control plane's own authority."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from outofband.cli import options
from outofband.cli import output as show
from outofband.core.errors import Fault

if TYPE_CHECKING:
    from outofband.client.profile import Profile
    from outofband.core.paths import StateDir

NAMES = ("outofband-1.crt", "outofband-2.crt")
"""Of the authority in use and the next one, as `--out` writes them: many programs read one a file."""


@click.command(epilog="Examples:  oob trust   ·   oob trust --out .   ·   oob trust --pem > outofband.pem")
@click.option("--pem", is_flag=True, help="Print the certificates themselves.")
@click.option(
    "--out",
    "folder",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Write them into this directory, one a file, as browsers and systems take them.",
)
@options.common
def trust(pem: bool, folder: Path | None, state: StateDir, output: str) -> None:
    """How to trust this control plane, and its fingerprint. `oob` on this host needs none of it.

    There are two authorities: the one in use, and the next one, so that a change needs no visit here.
    """
    from outofband.client import meeting
    from outofband.net.trust import fingerprints

    profile = _profile(state)
    text = meeting.authorities_in(profile.ca_file)
    found = fingerprints(text)
    if pem:
        show.emit({"caFile": str(profile.ca_file), "pem": text}, output, lambda _: click.echo(text, nl=False))
        return
    if folder is not None:
        written = _write(folder, list(found.values()))
        show.emit({"files": written}, output, lambda _: show.line("\n".join(written)))
        return
    current = next(iter(found))
    ways = _ways(profile)
    told = {"caFile": str(profile.ca_file), "arm": profile.arm, "fingerprint": current, "ways": ways}

    def table(_: object) -> None:
        show.facts({"fingerprint": meeting.spelled(current)} | ways)
        show.note("\n`oob trust --out DIR` writes the .crt files. What each line does: docs/howto/sign-in.md")

    show.emit(told, output, table)


def _profile(state: StateDir) -> Profile:
    """Of the control plane whose host this is, else of where a person signed in."""
    from outofband.client.profile import load_profile, local_profile

    return local_profile(state) if state.profile.exists() else load_profile(state)


def _ways(profile: Profile) -> dict[str, str]:
    file, first = profile.ca_file, NAMES[0]
    store = "/usr/local/share/ca-certificates/"
    database = 'sql:"$HOME/.pki/nssdb"'
    return {
        "another oob": f"oob login {profile.arm}   (compare the fingerprint there)",
        "Chrome, Chromium": f"certutil -d {database} -A -t C,, -n outofband -i {first}   (libnss3-tools)",
        "Firefox": f"Settings, Certificates, View, Authorities, Import: {first}, for web sites",
        "Debian": f"sudo cp {' '.join(NAMES)} {store} && sudo update-ca-certificates",
        "Windows": f"certutil -user -addstore Root {first}",
        "macOS": f"security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db {first}",
        "curl": f"curl --cacert {file} {profile.arm}/healthz",
        "az, Python": f"export REQUESTS_CA_BUNDLE={file}",
        "WebSockets of az": f"export WEBSOCKET_CLIENT_CA_BUNDLE={file}",
    }


def _write(folder: Path, certificates: list[str]) -> list[str]:
    """Raises Fault StateNotWritable."""
    written = []
    for name, certificate in zip(NAMES, certificates, strict=False):
        try:
            (folder / name).write_text(certificate)
        except OSError as error:
            detail = error.strerror or str(error)
            raise Fault("StateNotWritable", path=str(folder / name), detail=detail) from error
        written.append(str(folder / name))
    return written
