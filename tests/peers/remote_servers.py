"""Servers of Remote Desktop and SSH on this machine: xrdp, FreeRDP's server, OpenSSH; each on a free port."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from outofband.core import clock
from tests.support.ports import lasting_ports

START_SECONDS = 90.0


def free_port() -> int:
    return lasting_ports(1)[0]


@contextmanager
def running(command: list[str], folder: Path, port: int, **environment: str) -> Iterator[int]:
    """A server from its start, when the port is open, to its end."""
    log = folder / f"{Path(command[0]).name}-{port}.log"
    with log.open("wb") as sink:
        one = subprocess.Popen(
            command, cwd=folder, stdout=sink, stderr=sink, env={**os.environ, **environment}, process_group=0
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _listens(port):
            assert one.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline, log.read_text(errors="replace")
            time.sleep(0.05)
        yield port
    finally:
        with suppress(ProcessLookupError):
            os.killpg(one.pid, signal.SIGKILL)
        one.wait()


def _listens(port: int) -> bool:
    """Without a connection, which some servers take for their one client: by the kernel's list of sockets."""
    wanted = f":{port:04X} "
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(wanted in row.split(maxsplit=3)[1] + " " and row.split()[3] == "0A" for row in rows)


def certificate(folder: Path, *, days: int = 30) -> tuple[Path, Path]:
    """Files of a self-signed certificate and its key, valid for so many days from a day ago on."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "labhost")])
    begin = clock.now() - timedelta(days=400 if days < 0 else 1)
    built = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), begin, clock.now() + timedelta(days=days)
    ).sign(key, hashes.SHA256())
    files = folder / f"cert{days}.pem", folder / f"key{days}.pem"
    files[0].write_bytes(built.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


@contextmanager
def xrdp(folder: Path, layer: str, *, days: int = 30) -> Iterator[int]:
    """xrdp with a security layer: negotiate, rdp or tls."""
    port = free_port()
    cert, key = certificate(folder, days=days)
    lines = [
        "[Globals]",
        f"port=tcp://127.0.0.1:{port}",
        f"security_layer={layer}",
        "crypt_level=high",
        f"certificate={cert}",
        f"key_file={key}",
        "ssl_protocols=TLSv1.2, TLSv1.3",
        "[Logging]",
        f"LogFile={folder}/xrdp-{layer}{days}.txt",
        "LogLevel=INFO",
        "[Xorg]",
        "name=Xorg",
        "lib=libxup.so",
    ]
    config = folder / f"{layer}{days}.ini"
    config.write_text("\n".join(lines) + "\n")
    with running(["xrdp", "-n", "-c", str(config)], folder, port):
        yield port


@contextmanager
def freerdp(folder: Path, user: str, password: str) -> Iterator[int]:
    """FreeRDP's server, which takes nothing but network level authentication."""
    port = free_port()
    (folder / "sam").write_text(f"{user}:::{_nt_hash(password)}:::\n")
    command = ["freerdp-shadow-cli", f"/port:{port}", "/bind-address:127.0.0.1", "/sec:nla", "+auth"]
    command.append(f"/sam-file:{folder}/sam")
    with (
        screen() as display,
        running(command, folder, port, DISPLAY=f":{display}", HOME=str(folder)),
    ):
        yield port


@contextmanager
def screen() -> Iterator[int]:
    """Xvfb on a display of this test's own: of two that choose at once one takes the other's socket away."""
    [display] = lasting_ports(1)
    reading, writing = os.pipe()
    screen = subprocess.Popen(
        ["Xvfb", f":{display}", "-displayfd", str(writing), "-screen", "0", "640x480x24", "-nolisten", "tcp"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[writing],
    )
    os.close(writing)
    try:
        with open(reading) as told:
            ready, _, _ = select.select([told], [], [], START_SECONDS)
            assert ready, "Xvfb does not begin"
            assert int(told.readline()) == display
        yield display
    finally:
        # Asked to end it takes its socket and its lock with it.
        screen.terminate()
        try:
            screen.wait(30)
        except subprocess.TimeoutExpired:
            screen.kill()
            screen.wait()


def _nt_hash(password: str) -> str:
    from spnego._ntlm_raw.crypto import ntowfv1

    return str(ntowfv1(password).hex())


@contextmanager
def sshd(folder: Path, *lines: str) -> Iterator[int]:
    """OpenSSH, with more lines of its configuration."""
    port = free_port()
    key = folder / "host_key"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    config = folder / f"sshd-{port}"
    config.write_text(
        "\n".join([f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {key}", "PidFile none", *lines])
        + "\n"
    )
    # Its title takes the place of its environment, by which `tests/support/warden.py` would know it.
    command = ["setpriv", "--pdeathsig", "KILL", "/usr/sbin/sshd", "-D", "-e", "-f", str(config)]
    with running(command, folder, port):
        yield port


def missing() -> list[str]:
    """Programs that are needed and not here."""
    wanted = ("xrdp", "freerdp-shadow-cli", "Xvfb", "sshd")
    return [each for each in wanted if shutil.which(each, path=f"{os.environ['PATH']}:/usr/sbin") is None]
