"""Settings of a control plane: `control/settings.toml`; the environment overrides it, arguments both.

The file is flat and every key is optional:

    address = "0.0.0.0"                     # where to listen
    port = 8443                             # Resource Manager, sign-in, agents' links
    console_port = 8444                     # consoles
    arm_url = "https://oob.example:8443"    # how others reach them, when that differs
    gateway_url = "wss://oob.example:8444"
    names = ["oob.example", "192.0.2.5"]    # more names in the certificate
    store_url = "postgresql://oob@db/oob"   # default: SQLite in the state directory
    store_url_file = "/run/secrets/store"   # the same from a file, for a URL with a password
    node = "n1"                             # this node's name; no two may share it
    read_burst = 1200                       # requests one caller may make at once in one subscription
    reads_per_second = 100                  # and in the long run; a burst of 0 is no limit. The same for
    write_burst = 400                       # what changes (writes_per_second = 20) and what deletes
    delete_burst = 400                      # (deletes_per_second = 20)
    public_addresses = ["203.0.113.0/28"]   # what Microsoft.Network may give out; none: no public addresses
    blob_url = "https://{account}.blob.oob.example:8443/"   # default: .../blob/{account}/ under arm_url
    blob_store = "https://s3.example/bucket"                # an S3 store, or a folder; default: control/blobs
    blob_store_key = "access key"
    blob_store_secret_file = "/run/secrets/s3"
    blob_store_region = "us-east-1"
    blob_store_ca_file = "/etc/ssl/s3.pem"                  # when the store's certificate is from an own CA
    vault_key_file = "/run/secrets/vault"   # the master key that encrypts stored secrets; control/vault.key
    signing_key_days = 90                   # how long a key signs tokens before the next one does
    refused_passwords_file = "/usr/share/dict/leaked"   # passwords that nobody may choose, one a line
    activity_days = 90                      # how long the activity log is kept
    diagnostics_days = 30                   # how long logs and pictures of deleted VMs stay
    trusted_proxies = ["192.0.2.8"]         # whose X-Forwarded-For and Forwarded say who the client is
    webhook_networks = ["10.0.0.0/8"]       # what webhooks may reach beside public addresses
    certificate_file = "/etc/ssl/oob.pem"   # a certificate of your own, in place of one we issue: leaf, chain
    certificate_key_file = "/etc/ssl/oob.key"
    certificate_ca_file = "/etc/ssl/ca.pem" # what clients and agents trust it by

In the environment each is `OOB_` and the key in capitals (`OOB_CONSOLE_PORT`, `OOB_STORE_URL_FILE`).
"""

from __future__ import annotations

import os
import re
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.core.secrets import write_private
from outofband.diagnostics.retention import KEEP_DAYS
from outofband.identity.keys import MAX_AGE
from outofband.identity.passwords import MIN_LENGTH
from outofband.identity.pki import LOCAL_NAMES
from outofband.identity.refused_passwords import RefusedPasswords
from outofband.net.forwarded import Network, network
from outofband.resources.limits import DEFAULT
from outofband.store import master_keys
from outofband.store.master_keys import KeySource
from outofband.wire.arm.throttle import Allowance, Kind
from outofband.wire.network.prefixes import Block, block, is_aligned

Count = Annotated[int, msgspec.Meta(ge=0)]
Rate = Annotated[float, msgspec.Meta(gt=0)]
PREFIX = "OOB_"
NEWLINE = "\n"
_LISTS = frozenset({"names", "public_addresses", "trusted_proxies", "webhook_networks"})
_BLOB_URL = re.compile(r"^https://(\{account\}\.blob\.[A-Za-z0-9.-]+(:\d+)?|[^/{}?#]+/blob/\{account\})/?$")
_EVERYWHERE = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As the module says. Empty text means: the default, worked out from the others."""

    address: str = "127.0.0.1"
    port: int = 8443
    console_port: int = 8444
    arm_url: str = ""
    gateway_url: str = ""
    names: tuple[str, ...] = ()
    store_url: str = ""
    store_url_file: str = ""
    node: str = ""
    read_burst: Count = DEFAULT[Kind.READS].burst
    reads_per_second: Rate = DEFAULT[Kind.READS].per_second
    write_burst: Count = DEFAULT[Kind.WRITES].burst
    writes_per_second: Rate = DEFAULT[Kind.WRITES].per_second
    delete_burst: Count = DEFAULT[Kind.DELETES].burst
    deletes_per_second: Rate = DEFAULT[Kind.DELETES].per_second
    public_addresses: tuple[str, ...] = ()
    blob_url: str = ""
    blob_store: str = ""
    blob_store_key: str = ""
    blob_store_secret_file: str = ""
    blob_store_region: str = "us-east-1"
    blob_store_ca_file: str = ""
    vault_key_file: str = ""
    signing_key_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = MAX_AGE.days
    refused_passwords_file: str = ""
    activity_days: Annotated[int, msgspec.Meta(ge=1, le=36500)] = 90
    diagnostics_days: Annotated[int, msgspec.Meta(ge=1, le=36500)] = KEEP_DAYS
    trusted_proxies: tuple[str, ...] = ()
    webhook_networks: tuple[str, ...] = ()
    certificate_file: str = ""
    certificate_key_file: str = ""
    certificate_ca_file: str = ""

    @property
    def public_pool(self) -> tuple[Block, ...]:
        """The public addresses that may be given out. Raises Fault SettingsInvalid."""
        found = []
        for text in self.public_addresses:
            one = block(text)
            if one is None or not is_aligned(text):
                detail = f"public_addresses: '{text}' is no address and no block like 203.0.113.0/28"
                raise Fault("SettingsInvalid", path="settings", detail=detail)
            found.append(one)
        return tuple(found)

    @property
    def webhook_reach(self) -> tuple[Network, ...]:
        """Raises ValueError."""
        return tuple(map(network, self.webhook_networks))

    def refused_passwords(self) -> RefusedPasswords | None:
        """What nobody may choose. Raises Fault SettingsInvalid."""
        if not self.refused_passwords_file:
            return None
        return RefusedPasswords.read(Path(self.refused_passwords_file), shortest=MIN_LENGTH)

    @property
    def allowances(self) -> dict[Kind, Allowance]:
        """How many requests a caller may make, by what they do."""
        return {
            Kind.READS: Allowance(self.read_burst, self.reads_per_second),
            Kind.WRITES: Allowance(self.write_burst, self.writes_per_second),
            Kind.DELETES: Allowance(self.delete_burst, self.deletes_per_second),
        }

    @property
    def host(self) -> str:
        """The name others reach this node by, when no URL says it."""
        return socket.gethostname() if self.address in _EVERYWHERE else self.address

    @property
    def arm(self) -> str:
        """Advertised base URL, without a slash at the end."""
        return self.arm_url.rstrip("/") or f"https://{_bracketed(self.host)}:{self.port}"

    @property
    def gateway(self) -> str:
        return self.gateway_url.rstrip("/") or f"wss://{_bracketed(self.host)}:{self.console_port}"

    @property
    def gateway_names(self) -> frozenset[str]:
        """Host names by which the console listener is reached as well, while no URL says how; lower case."""
        return self._names(self.gateway_url)

    @property
    def arm_names(self) -> frozenset[str]:
        """The same of the API's port."""
        return self._names(self.arm_url)

    def _names(self, url: str) -> frozenset[str]:
        names = () if url else (*LOCAL_NAMES, *self.certificate_names)
        return frozenset(name.lower() for name in names)

    @property
    def node_name(self) -> str:
        return self.node or f"{socket.gethostname()}:{self.port}"

    @property
    def certificate_names(self) -> tuple[str, ...]:
        """Every name and address a client may use for this node."""
        blobs = self.blob_endpoint.replace("{account}.", "*.")
        urls = [urlsplit(url).hostname or "" for url in (self.arm, self.gateway, blobs)]
        own = [] if self.address in _EVERYWHERE else [self.address]
        return tuple(dict.fromkeys(name for name in (*urls, *own, *self.names) if name))

    @property
    def blob_endpoint(self) -> str:
        """Address of an account's Blob service; `{account}` stands for its name."""
        return f"{self.blob_url.rstrip('/')}/" if self.blob_url else f"{self.arm}/blob/{{account}}/"

    @property
    def audiences(self) -> tuple[str, ...]:
        """Further base URLs that access tokens may be asked for."""
        local = ("localhost", "127.0.0.1")
        return tuple(f"https://{_bracketed(name)}:{self.port}" for name in (*local, *self.certificate_names))

    def store(self, state: StateDir) -> str:
        """URL of the store. Raises Fault SettingsInvalid when its file cannot be read."""
        if self.store_url_file:
            try:
                return Path(self.store_url_file).read_text().strip()
            except OSError as error:
                detail = f"store_url_file: {error.strerror}"
                raise Fault("SettingsInvalid", path=self.store_url_file, detail=detail) from error
        return self.store_url or f"sqlite:///{state.control}/control.db"

    def master_keys(self, state: StateDir) -> KeySource:
        return master_keys.choose(self.vault_key_file, state.control / "vault.key")


def settings_file(state: StateDir) -> Path:
    return state.control / "settings.toml"


def load(state: StateDir, environment: Mapping[str, str] = os.environ, **arguments: Any) -> Settings:
    """Read the settings; `arguments` that are None do not count. Raises Fault SettingsInvalid."""
    path = settings_file(state)
    try:
        chosen: dict[str, Any] = tomllib.loads(path.read_text())
    except FileNotFoundError:
        chosen = {}
    except (OSError, ValueError) as error:
        raise Fault("SettingsInvalid", path=str(path), detail=str(error)) from error
    _convert(chosen, str(path))  # what is wrong in the file is told of the file
    for name in Settings.__struct_fields__:
        if (text := environment.get(PREFIX + name.upper())) is not None:
            chosen[name] = [each.strip() for each in text.split(",")] if name in _LISTS else text
    chosen |= {name: value for name, value in arguments.items() if value is not None}
    found = _convert(chosen, f"{path} or an {PREFIX}* variable", strict=False)
    for name, scheme in (("arm_url", "https"), ("gateway_url", "wss")):
        url = urlsplit(getattr(found, name))
        if url.geturl() and (url.scheme != scheme or not url.hostname or url.query):
            detail = f"{name} has to begin with {scheme}:// and name a host"
            raise Fault("SettingsInvalid", path=str(path), detail=detail)
    if found.blob_url and not _BLOB_URL.fullmatch(found.blob_url):
        detail = "blob_url has to be https://{account}.blob.NAME/ or https://NAME/blob/{account}/"
        raise Fault("SettingsInvalid", path=str(path), detail=detail)
    for name in ("trusted_proxies", "webhook_networks"):
        for each in getattr(found, name):
            try:
                network(each)
            except ValueError as error:
                detail = f"{name}: '{each}' is no address and no block like 10.0.0.0/8"
                raise Fault("SettingsInvalid", path=str(path), detail=detail) from error
    _ = found.public_pool  # what is wrong in it is told at the start, not at the first request
    return found


def remember(state: StateDir, **values: int) -> None:
    """Keep numbers for later starts; the rest of the file, comments included, stays as it is."""
    path = settings_file(state)
    before = text = path.read_text() if path.exists() else ""
    for name, value in values.items():
        text, found = re.subn(
            rf"(?m)^(\s*{name}\s*=\s*)[^#\n]*?(\s*(?:#.*)?)$", rf"\g<1>{value}\g<2>", text, count=1
        )
        if not found:
            text += f"{'' if text.endswith(NEWLINE) or not text else NEWLINE}{name} = {value}{NEWLINE}"
    if text != before:
        write_private(path, text)


def _convert(chosen: dict[str, Any], where: str, *, strict: bool = True) -> Settings:
    try:
        found = msgspec.convert(chosen, Settings, strict=strict)
    except msgspec.ValidationError as error:
        raise Fault("SettingsInvalid", path=where, detail=str(error)) from error
    for name in ("port", "console_port"):
        if not 0 <= getattr(found, name) <= 65535:
            raise Fault("SettingsInvalid", path=where, detail=f"{name} is no TCP port")
    return found


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
