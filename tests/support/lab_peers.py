"""What a connection may meet on its way in the lab: real proxies, one that opens TLS, and odd servers."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.lab import ANSWERING, FAR, Lab

READY_SECONDS = 20.0
Serve = Callable[[socket.socket], None]


class Authority:
    """A certificate authority of the lab; `name` is what its certificates are issued by."""

    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._builder(self.name, self.key.public_key(), days=(-1, 30))
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        made = made.add_extension(usage, critical=True)
        self.pem = made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def leaf(self, folder: Path, names: Sequence[str], *, days: tuple[int, int] = (-1, 30)) -> ssl.SSLContext:
        """A server's context with a certificate for `names`, valid for these days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        made = self._builder(subject, key.public_key(), days=days)
        alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        leaf = made.add_extension(alternatives, critical=False).sign(self.key, hashes.SHA256())
        file = folder / f"leaf-{leaf.serial_number:x}.pem"
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _builder(
        self, subject: x509.Name, public: ec.EllipticCurvePublicKey, *, days: tuple[int, int]
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        begins, ends = (now + datetime.timedelta(days=each) for each in days)
        authority_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(public)
        made = made.serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(ends)
        return made.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(public), critical=False
        ).add_extension(authority_id, critical=False)


class Small:
    """A server on the far side: each connection is `serve`'s, in a thread of its own."""

    def __init__(self, lab: Lab, address: str, port: int, serve: Serve) -> None:
        self._listening = lab.listen(address, port)
        self._serve = serve
        threading.Thread(target=self._run, name=f"small {port}", daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                one, _ = self._listening.accept()
                threading.Thread(target=self._one, args=(one,), name="one", daemon=True).start()

    def _one(self, one: socket.socket) -> None:
        with one, contextlib.suppress(OSError, ValueError):
            one.settimeout(30)
            self._serve(one)


def head(one: socket.socket) -> bytes:
    """The head of a request."""
    held = b""
    while b"\r\n\r\n" not in held:
        piece = one.recv(4096)
        if not piece:
            raise OSError("gone")
        held += piece
    return held


def talking(context: ssl.SSLContext, answer: bytes) -> Serve:
    """A server that speaks TLS and always answers the same."""

    def serve(one: socket.socket) -> None:
        with context.wrap_socket(one, server_side=True) as inside:
            head(inside)
            inside.sendall(answer)

    return serve


def intercepting(context: ssl.SSLContext) -> Serve:
    """A proxy that says yes to CONNECT and then is the server itself, with a certificate of its own."""

    def serve(one: socket.socket) -> None:
        head(one)
        one.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        talking(context, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")(one)

    return serve


def answering(answer: bytes) -> Serve:
    """A server without TLS that answers the same to everything."""

    def serve(one: socket.socket) -> None:
        one.recv(4096)
        one.sendall(answer)

    return serve


def cutting(one: socket.socket) -> None:
    """A firewall that reads the first bytes and resets the connection."""
    one.recv(64)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hanging(one: socket.socket) -> None:
    """A server that takes everything and never says a word."""
    with contextlib.suppress(OSError):
        while one.recv(4096):
            pass


def tinyproxy(lab: Lab, port: int, *more: str, hosts: str) -> None:
    file = lab.folder / f"tinyproxy-{port}.conf"
    lines = (f"Port {port}", f"Listen {FAR}", "Timeout 20", "MaxClients 20", "LogLevel Critical", *more)
    file.write_text("\n".join(lines) + "\n")
    lab.start(["tinyproxy", "-d", "-c", str(file)], log=f"tinyproxy-{port}.log", hosts=hosts)


def squid(lab: Lab, port: int, *rules: str) -> None:
    """A squid that keeps nothing, and asks the lab's name server. Rules come before "allow all"."""
    file = lab.folder / f"squid-{port}.conf"
    lines = (
        f"http_port {FAR}:{port}",
        f"dns_nameservers {ANSWERING}",
        "cache deny all",
        "cache_mem 0 MB",
        "pid_filename none",
        "cache_log /dev/null",
        "access_log none",
        "cache_store_log none",
        "hosts_file none",
        "visible_hostname edge.lab.test",
        "max_filedescriptors 1024",
        "shutdown_lifetime 0 seconds",
        "pinger_enable off",
        *rules,
        "http_access allow all",
    )
    file.write_text("\n".join(lines) + "\n")
    lab.start(["squid", "-N", "-f", str(file)], log=f"squid-{port}.log")


def until_listening(lab: Lab, *ports: int) -> None:
    """Wait until each of these ports of the far side takes a connection."""
    deadline = time.monotonic() + READY_SECONDS
    with lab.inside(lab.far):
        for port in ports:
            while True:
                try:
                    socket.create_connection((FAR, port), 1).close()
                    break
                except OSError:
                    assert time.monotonic() < deadline, f"nothing listens on {port}"
                    time.sleep(0.05)
