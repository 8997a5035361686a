"""Where the console listener of this node is reached."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """`url` is the advertised base address, wss, without a slash at the end.

    `names` are this node's own host names and addresses, in lower case: whoever reached the API by one of
    them is sent to the listener by the same one, which works for them as the advertised one may not. It is
    empty when an address was set on purpose. Any other host in a request is never repeated.

    `arm` is the API's own advertised base address, https, and `arm_names` the same for it: Azure's text
    protocol is spoken there.
    """

    url: str
    names: frozenset[str] = frozenset()
    arm: str = ""
    arm_names: frozenset[str] = frozenset()

    def seen_from(self, base: str) -> str:
        """The listener's base address for a client that reached the API at `base`."""
        try:
            host = (urlsplit(base).hostname or "").lower()
            port = urlsplit(self.url).port
        except ValueError:
            return self.url
        if host not in self.names or port is None:
            return self.url
        return f"wss://[{host}]:{port}" if ":" in host else f"wss://{host}:{port}"

    def text_from(self, base: str) -> str:
        """Base address of Azure's text protocol, wss, for a client that reached the API at `base`.

        Azure's extension makes the address of its admin commands from the console's by replacing `wss`, then
        `ws`, then `/client`, wherever they stand: it would send its token to a host `adminCommand` in place
        of `client1`. Host names know no case: `windows1` leaves here as `windowS1`, `client1` as `Client1`.
        """
        try:
            asked = urlsplit(base)
            own = (asked.hostname or "").lower() in self.arm_names
            way = asked if own else urlsplit(self.arm)
            host, port = way.hostname or "", way.port
        except ValueError:
            way = urlsplit(self.arm)
            host, port = way.hostname or "", way.port
        host = host.replace("ws", "wS")
        if host.startswith("client"):
            host = f"C{host[1:]}"
        return f"wss://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"
