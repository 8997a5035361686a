"""A control plane small enough for a test: real TLS, real WebSockets, the real rules of `wire.link`."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime
import hashlib
import ipaddress
import secrets
import ssl
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509.oid import NameOID
from joserfc.jwk import OKPKey
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from outofband.agent.state import HostKey, Identity
from outofband.core import clock
from outofband.net.tls import server_context
from outofband.wire import link
from tests.support.wait import WAIT

T = TypeVar("T")
CLOSE_SECONDS = 3.0
FAR_NAME = "control.test"
"""A name no resolver knows: only a proxy finds the way."""


class Authority:
    """A certificate authority and the leaf of one server on this host, or at `address`."""

    def __init__(self, directory: Path, name: str = "test authority", address: str = "127.0.0.1") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = self._builder(self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(usage, critical=True)
        certificate = builder.add_extension(identifier, critical=False).sign(self._key, hashes.SHA256())
        self.pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        der = certificate.public_bytes(serialization.Encoding.DER)
        self.fingerprint = hashlib.sha256(der).hexdigest()
        self.certificate, self.key = directory / f"{name}.pem", directory / f"{name}.key"
        self._make_leaf(identifier, address)

    def context(self) -> ssl.SSLContext:
        return server_context(self.certificate, self.key)

    def _builder(self, subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = clock.now()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=2))
        )

    def _make_leaf(self, issuer: x509.SubjectKeyIdentifier, address: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        names = [
            x509.DNSName("localhost"),
            x509.DNSName(FAR_NAME),
            x509.IPAddress(ipaddress.ip_address(address)),
        ]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test server")])
        above = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer)
        builder = self._builder(subject, key.public_key())
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(above, critical=False)
        leaf = builder.sign(self._key, hashes.SHA256())
        self.certificate.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.key.write_bytes(pem)


def grant_key() -> OKPKey:
    return OKPKey.generate_key("Ed25519", parameters={"kid": secrets.token_hex(4)})


def public_jwk(key: OKPKey) -> dict[str, object]:
    return dict(key.as_dict(private=False))


def identity(arm: str, authority: Authority, *, agent: str = "agent-1") -> Identity:
    return Identity(
        agent=agent,
        name="host-1",
        arm=arm,
        link=arm.replace("https://", "wss://", 1) + "/fleet/link",
        trust=authority.pem,
        token="token-1",
        enrolled=clock.iso(),
    )


class ControlPlane:
    """Accepts links on a port of the kernel's choice and keeps what agents said, oldest first.

    It says nothing by itself after the welcome, no heartbeat either. A test may set `welcome_trust` and
    `reject` (a code) at any time; they count for the next link.
    """

    def __init__(
        self, authority: Authority, key: HostKey, keys: list[dict[str, object]] | None = None
    ) -> None:
        self.authority = authority
        self.welcome_trust = authority.pem
        self.takes: list[str] = []
        """Of its welcome: what it understands of a later day."""
        self.reject: str | None = None
        self.heard: list[link.AgentMessage] = []
        self.hellos: list[link.Hello] = []
        self.inventory: link.Inventory | None = None
        """Of the newest link; None until it came."""
        self.texts: list[str] = []
        self.socket: ServerConnection | None = None
        self.arm = ""
        self._key = key
        self._keys = keys or []
        self._rules: link.LinkServer | None = None
        self._server: Server | None = None
        self._news = asyncio.Event()

    async def __aenter__(self) -> ControlPlane:
        await self.listen(0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def listen(self, port: int) -> None:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            port,
            ssl=self.authority.context(),
            ping_interval=None,
            close_timeout=0.5,
        )
        self.arm = f"https://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def port(self) -> int:
        return int(self.arm.rpartition(":")[2])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            # It stops listening at once. A peer whose handshake never ends must not keep it waiting.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._server.wait_closed()
            self._server = None

    async def send(self, message: link.ServerMessage) -> None:
        assert self._rules is not None
        self._rules.send(message)
        await self._flush()

    async def until(self, there: Callable[[], T | None]) -> T:
        """Wait until `there` finds something; looked at again after every message."""
        async with asyncio.timeout(WAIT):
            while not (found := there()):
                self._news.clear()
                await self._news.wait()
        return found

    async def message(self, kind: type[T], number: int = 1) -> T:
        """The `number`-th message of a kind, waited for."""

        def there() -> T | None:
            of_kind = [message for message in self.heard if isinstance(message, kind)]
            return of_kind[number - 1] if len(of_kind) >= number else None

        return await self.until(there)

    async def result(self, key: str, number: int = 1) -> link.Result:
        def there() -> link.Result | None:
            found = [each for each in self.heard if isinstance(each, link.Result) and each.key == key]
            return found[number - 1] if len(found) >= number else None

        return await self.until(there)

    def _verify(self, agent: str, signature: str, text: bytes) -> bool:
        public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(self._key.public + "="))
        try:
            public.verify(base64.urlsafe_b64decode(signature + "=="), text)
        except InvalidSignature:
            return False
        return True

    async def _serve(self, socket: ServerConnection) -> None:
        rules = link.LinkServer(nonce=secrets.token_urlsafe(), verify=self._verify, now=clock.monotonic())
        self.socket, self._rules = socket, rules
        await self._flush()
        try:
            async for text in socket:
                self.texts.append(str(text))
                for message in rules.receive(text, clock.monotonic()):
                    self._take(rules, message)
                await self._flush()
                self._news.set()
                if rules.state is link.State.CLOSED:
                    return
        except ConnectionClosed:
            pass
        finally:
            self._news.set()

    def _take(self, rules: link.LinkServer, message: link.AgentMessage) -> None:
        if not isinstance(message, link.Hello):
            self.heard.append(message)
            if isinstance(message, link.Inventory):
                self.inventory = message
            return
        self.hellos.append(message)
        self.inventory = None
        if self.reject is not None:
            rules.reject(self.reject, agent=message.agent)
            return
        rules.welcome(
            link.Welcome(
                link=f"link-{len(self.hellos)}",
                node="node-1",
                grant_keys=self._keys,
                trust=self.welcome_trust,
                takes=self.takes,
            )
        )

    async def _flush(self) -> None:
        assert self._rules is not None and self.socket is not None
        for text in self._rules.outgoing(clock.monotonic()):
            await self.socket.send(text, text=True)
