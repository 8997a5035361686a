"""Which control plane: `--cloud`, else the one this agent was installed for."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from outofband.catalogue import say
from outofband.core.paths import StateDir
from outofband.wire.azcm import AzcmFault


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """`arm` is Resource Manager's base URL, `login` the token authority's, `trust` a PEM bundle (empty: those
    of the system). `resource` is what tokens are for; empty: it has to be asked.
    """

    name: str
    arm: str
    login: str
    trust: str = ""
    resource: str = ""

    def tls(self) -> ssl.SSLContext:
        from outofband.net.tls import client_context

        return client_context(self.trust) if self.trust else ssl.create_default_context()


AZURE: Mapping[str, Place] = MappingProxyType(
    {
        each.name.lower(): each
        for each in (
            Place(
                name="AzureCloud",
                arm="https://management.azure.com",
                login="https://login.microsoftonline.com",
                resource="https://management.azure.com/",
            ),
            Place(
                name="AzureUSGovernment",
                arm="https://management.usgovcloudapi.net",
                login="https://login.microsoftonline.us",
                resource="https://management.usgovcloudapi.net/",
            ),
            Place(
                name="AzureChinaCloud",
                arm="https://management.chinacloudapi.cn",
                login="https://login.partner.microsoftonline.cn",
                resource="https://management.chinacloudapi.cn/",
            ),
        )
    }
)
"""Names that scripts have: they are valid, wherever their addresses may be reached from."""


def choose(state: StateDir, wanted: str | None) -> Place:
    """Raises AzcmFault AZCM0014 for a name nobody knows, AZCM0006 without a name where none was installed."""
    mine = installed(state)
    if not wanted:
        if mine is None:
            raise AzcmFault(
                "AZCM0006", detail=say("no-cloud", flag="--cloud"), remedy=(say("name-the-cloud"),)
            )
        return mine
    if mine is not None and mine.name.lower() == wanted.lower():
        return mine
    if (found := AZURE.get(wanted.lower())) is not None:
        return found
    known = [each.name for each in (mine, *AZURE.values()) if each is not None]
    raise AzcmFault("AZCM0014", value=wanted, known=", ".join(known))


def installed(state: StateDir) -> Place | None:
    """The cloud of this agent; None where it was installed for none. Raises Fault CloudUnreadable."""
    from outofband.agent.clouds import load

    found = load(state)
    if found is None:
        return None
    return Place(name=found.name, arm=found.arm, login=found.login, trust=found.trust)
