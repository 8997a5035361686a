"""What this node shows in a TLS handshake, and how that changes while it runs.

A context that is alive can be given another certificate: new handshakes get it, connections that are open
notice nothing. So nothing here ever closes or reopens a port.
"""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from cryptography import x509

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.identity.own_certificate import Files, OwnCertificate, authorities_in
from outofband.identity.pki import Pki
from outofband.net import tls
from outofband.server.settings import Settings
from outofband.store.vault import Vault

log = structlog.get_logger(__name__)

WARN_DAYS = 21
"""Of a certificate that nobody here renews."""
WARN_AUTHORITY_DAYS = 365


class Certificates:
    """The authorities, the leaf or a certificate of somebody else's, and the contexts that serve it."""

    def __init__(self, directory: Path, settings: Settings, vault: Vault, now: datetime) -> None:
        """Raises Fault PkiDamaged, VaultKeyInvalid or CertificateUnusable."""
        self._directory, self._names, self._vault = directory, settings.certificate_names, vault
        self._files = _files(settings)
        self._contexts: list[ssl.SSLContext] = []
        self._warned: datetime | None = None
        self._own_stamp = self._files.stamp() if self._files else ()
        # Told to everybody before a certificate of theirs is served: then nobody is surprised by it.
        self._announced = (
            authorities_in(Path(settings.certificate_ca_file)) if settings.certificate_ca_file else ()
        )
        self._own: OwnCertificate | None = self._files.read(self._names, now) if self._files else None
        self.pki = self._open(now)
        self._stamp = self._look()

    @classmethod
    def open(cls, state: StateDir, settings: Settings, vault: Vault) -> Certificates:
        return cls(state.pki, settings, vault, clock.now())

    def trust(self) -> str:
        """The PEM bundle to pin."""
        return self.pki.trust.read_text()

    def fingerprint(self) -> str:
        return self.pki.fingerprint

    @property
    def leaf(self) -> x509.Certificate:
        return self._own.leaf if self._own is not None else self.pki.leaf

    @property
    def is_own(self) -> bool:
        """It comes from the settings."""
        return self._own is not None

    @property
    def names(self) -> list[str]:
        """What the served certificate is for."""
        there = self.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return [str(each.value) for each in there]

    def context(self) -> ssl.SSLContext:
        """For a listener; it serves whatever is newest from then on."""
        made = tls.empty_server_context()
        self._load(made)
        self._contexts.append(made)
        return made

    def refresh(self, now: datetime) -> bool:
        """Take up what changed on the disk or ran out of time; True when clients see something new. Never
        raises for a file that is bad: what was served before is better than nothing.
        """
        changed = self._refresh_own(now)
        try:
            if self._look() != self._stamp:
                self.pki = self._open(now)
                changed = True
            elif self.pki.renew(self._names, now):
                changed = True
            self._stamp = self._look()
            if changed:
                for each in self._contexts:
                    self._load(each)
                log.info("certificate.loaded", ends=clock.iso(self.leaf.not_valid_after_utc))
        except (Fault, OSError, ssl.SSLError) as error:
            log.error("certificate.refused", error=str(error))
            return False
        return changed

    def rotate(self, now: datetime) -> None:
        """Let the next authority take over, and make another next one. Raises as the constructor."""
        self.pki.promote(self._names, now)
        self.refresh(now)

    def warn(self, now: datetime) -> None:
        """Say in the log, once a day, what is going to end."""
        if self._warned is not None and now - self._warned < timedelta(days=1):
            return
        left = (self.leaf.not_valid_after_utc - now).days
        if self._own is not None and left < WARN_DAYS:
            self._warned = now
            log.warning("certificate.ends", days=left, file=str(self._files.chain if self._files else ""))
        if self._own is not None and self._own.uncovered:
            self._warned = now
            log.warning("certificate.names", lacking=list(self._own.uncovered))
        left = (self.pki.current.not_valid_after_utc - now).days
        if left < WARN_AUTHORITY_DAYS:
            self._warned = now
            log.warning("authority.ends", days=left, remedy="oob ca rotate")

    def _refresh_own(self, now: datetime) -> bool:
        if self._files is None or (stamp := self._files.stamp()) == self._own_stamp:
            return False
        self._own_stamp = stamp
        try:
            self._own = self._files.read(self._names, now)
            self.pki = self._open(now)
        except Fault as fault:
            # Half of a new pair, perhaps: the other file comes in a moment, and with it a new stamp.
            log.warning("certificate.unusable", code=fault.code, **fault.fields)
            return False
        return True

    def _open(self, now: datetime) -> Pki:
        own = self._own
        others = own.authorities if own is not None else self._announced
        serve = own is not None
        return Pki.open(
            self._directory, self._names, now, vault=self._vault, others=others, others_serve=serve
        )

    def _load(self, context: ssl.SSLContext) -> None:
        if self._own is not None:
            tls.load_pem(context, self._own.pem)
        else:
            self.pki.load_into(context)

    def _look(self) -> tuple[object, ...]:
        """Another process may have rotated the authorities: its last step is the new leaf."""
        found: list[object] = [self._vault.name]
        for path in (self.pki.trust, self.pki.certificate, self.pki.key):
            try:
                there = path.stat()
                found.append((there.st_ino, there.st_mtime_ns))
            except OSError:
                found.append(None)
        return tuple(found)


def _files(settings: Settings) -> Files | None:
    if not settings.certificate_file:
        return None
    authorities = settings.certificate_ca_file
    return Files(
        chain=Path(settings.certificate_file),
        key=Path(settings.certificate_key_file or settings.certificate_file),
        authorities=Path(authorities) if authorities else None,
    )
