"""Where the console listener of this node is reached."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """`url` is the advertised base address, wss, without a slash at the end.

    `names` are this node's own host names and addresses, in lower case: whoever reached the API by one of
    them is sent to the listener by the same one, which works for them as the advertised one may not. It is
    empty when an address was set on purpose. Any other host in a request is never repeated.
    """

    url: str
    names: frozenset[str] = frozenset()

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
