"""The Blob service as an agent meets it, kept in a dict: what is stored, counted, lost or spoilt."""

from __future__ import annotations

from outofband.net.blobs import BlobClient, Refused, Unreachable


class KeptBlobs(BlobClient):
    """`away`: so many of the next requests meet no service; `kill_after`: the process asking is cancelled
    after so many chunks.
    """

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.puts: list[str] = []
        self.gets: list[str] = []
        self.away = 0
        self.fuse: int | None = None

    async def put(  # type: ignore[override]
        self, account: str, container: str, blob: str, query: str, body: bytes, **_: object
    ) -> None:
        self._reach(query)
        self.puts.append(blob)
        self.kept[f"{account}/{container}/{blob}"] = body

    async def has(self, account: str, container: str, blob: str, query: str) -> bool:
        self._reach(query)
        return f"{account}/{container}/{blob}" in self.kept

    async def get(self, account: str, container: str, blob: str, query: str, *, limit: int) -> bytes:
        self._reach(query)
        self.gets.append(blob)
        try:
            body = self.kept[f"{account}/{container}/{blob}"]
        except KeyError:
            raise Refused(404, "BlobNotFound") from None
        if len(body) > limit:
            raise ValueError(f"expected at most {limit} bytes, got {len(body)}")
        return body

    async def close(self) -> None:
        pass

    def _reach(self, query: str) -> None:
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                raise Killed
        if self.away > 0:
            self.away -= 1
            raise Unreachable("connection refused")
        if query != "sig=s":
            raise Refused(403, "AuthenticationFailed")


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the process that meets it goes on."""
