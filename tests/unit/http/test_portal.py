"""The portal as a browser gets it: its page under its policy, its files, and nothing beside them."""

import asyncio
import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from outofband import __version__
from outofband.http.headers import is_local
from outofband.http.portal import CAUTION_VERSION, Portal
from tests.support.cloud import TENANT, Cloud

pytestmark = pytest.mark.anyio
SCRIPT = b"export const answer = 42;\n" * 100
PACKED = gzip.compress(SCRIPT)
PAGE = '<!doctype html><meta name="csp-nonce" content="__NONCE__"><div id="root"></div>\n'


@pytest.fixture(scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    async with Cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A build, with what must not be served beside and in it."""
    web = tmp_path / "web"
    (web / "assets").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (web / ".built-from").write_text("secret")
    (web / "index.html").write_text(PAGE)
    (web / "icon.svg").write_text("<svg/>")
    (web / "assets" / "app-1a2b.js").write_bytes(SCRIPT)
    (web / "assets" / "app-1a2b.js.br").write_bytes(b"brotli")
    (web / "assets" / "app-1a2b.js.gz").write_bytes(PACKED)
    (web / "assets" / "app-1a2b.css").write_text("a{}")
    (web / "assets" / "font.woff2").write_bytes(b"wOF2")
    return web


@pytest.fixture
async def browser(cloud: Cloud, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Without the port: httpx would undo the codings that are looked at here."""
    portal = Portal(cloud, folder)
    app = Starlette(routes=[Route("/portal/{path:path}", portal.serve, methods=["GET"])])
    transport = httpx.ASGITransport(app)
    base = f"https://localhost:{cloud.ports['arm']}"
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:
        client.headers["Accept-Encoding"] = "identity"
        yield client


def directives(policy: str) -> dict[str, str]:
    return dict((each.strip() + " ").split(" ", 1) for each in policy.split(";"))


@pytest.mark.parametrize("path", ["", "vms", "vms/s/g/name.with.dots/console", "index.html", "x/assets/y"])
async def test_the_page_answers_every_address_of_its_own(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(f"/portal/{path}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert '<div id="root">' in answer.text


async def test_each_page_has_a_nonce_of_its_own_and_a_policy_that_names_it(
    cloud: Cloud, browser: httpx.AsyncClient
) -> None:
    nonces = set()
    for _ in range(2):
        answer = await browser.get("/portal/")
        found = re.search(r'content="([A-Za-z0-9_-]{43})"', answer.text)
        assert found
        nonces.add(found[1])
        told = directives(answer.headers["content-security-policy"])
        assert told["style-src"].split() == ["'self'", f"'nonce-{found[1]}'"]
        assert told["script-src"].split() == ["'self'"]
        port = cloud.ports["gateway"]
        here = ["'self'", f"wss://localhost:{port}", f"https://localhost:{port}"]
        assert told["connect-src"].split() == here
        for name in ("default-src", "base-uri", "frame-ancestors", "object-src"):
            assert told[name].split() == ["'none'"]
        assert "unsafe" not in answer.headers["content-security-policy"]
    assert len(nonces) == 2
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    permissions = answer.headers["permissions-policy"]
    assert "clipboard-write=(self)" in permissions
    assert "camera=()" in permissions


async def test_a_strangers_host_is_not_repeated(cloud: Cloud, browser: httpx.AsyncClient) -> None:
    for host in ("evil.example", "evil.example; script-src *", "x'y"):
        answer = await browser.get("/portal/", headers={"Host": host})
        assert "evil" not in answer.headers["content-security-policy"]
        assert cloud.gateway.url in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("assets/app-1a2b.js", "text/javascript; charset=utf-8"),
        ("assets/app-1a2b.css", "text/css; charset=utf-8"),
        ("assets/font.woff2", "font/woff2"),
        ("icon.svg", "image/svg+xml"),
    ],
)
async def test_files_have_their_types_and_are_kept(browser: httpx.AsyncClient, path: str, kind: str) -> None:
    answer = await browser.get(f"/portal/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    kept = "public, max-age=31536000, immutable" if path.startswith("assets/") else "no-cache"
    assert answer.headers["cache-control"] == kept


@pytest.mark.parametrize(
    ("accepts", "coding"),
    [
        ("", None),
        ("identity", None),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("*", "br"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("br; q=0.000, *", "gzip"),
        ("GZIP", "gzip"),
    ],
)
async def test_what_the_build_compressed_is_used(
    browser: httpx.AsyncClient, accepts: str, coding: str | None
) -> None:
    request = browser.build_request("GET", "/portal/assets/app-1a2b.js", headers={"Accept-Encoding": accepts})
    answer = await browser.send(request, stream=True)
    raw = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == coding
    assert raw == {None: SCRIPT, "br": b"brotli", "gzip": PACKED}[coding]
    assert answer.headers["vary"] == "Accept-Encoding"


async def test_what_a_browser_has_is_not_sent_again(browser: httpx.AsyncClient) -> None:
    path = "/portal/assets/app-1a2b.js"
    tag = (await browser.get(path)).headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = await browser.get(path, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert (await browser.get(path, headers={"If-None-Match": '"other"'})).status_code == 200
    packed = await browser.get(path, headers={"Accept-Encoding": "gzip", "If-None-Match": tag})
    assert packed.status_code == 200, "another coding is another form"


@pytest.mark.parametrize(
    "path",
    [
        "assets/nope.js",
        "assets/",
        "assets/../index.html",
        "assets/../../secret",
        "assets/%2e%2e/%2e%2e/secret",
        "assets/app-1a2b.js.br",
        "assets/..%2f..%2fsecret",
        "assets//app-1a2b.js",
        "assets/app-1a2b.js%00",
    ],
)
async def test_nothing_else_is_a_file(cloud: Cloud, folder: Path, path: str) -> None:
    portal = Portal(cloud, folder)
    app = Starlette(routes=[Route("/portal/{path:path}", portal.serve, methods=["GET"])])
    answers: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        answers.append(message)

    async def receive() -> dict[str, object]:
        return {"type": "http.request"}

    # As it came: a client library would resolve the dots before it sends them.
    raw = f"/portal/{path}"
    plain = raw.replace("%2e", ".").replace("%2f", "/").replace("%00", "\0")
    scope = {"type": "http", "method": "GET", "path": plain, "raw_path": raw.encode(), "headers": []}
    scope |= {"query_string": b"", "scheme": "https", "server": ("localhost", 1), "client": None}
    await app(scope, receive, send)  # type: ignore[arg-type]
    assert answers[0]["status"] == 404
    assert b"secret" not in bytes(answers[1]["body"])  # type: ignore[call-overload]
    assert (b"content-type", b"text/plain; charset=utf-8") in answers[0]["headers"]  # type: ignore[operator]


@pytest.mark.parametrize("path", [".built-from", "../secret", "secret"])
async def test_what_hides_in_the_folder_is_not_shown(browser: httpx.AsyncClient, path: str) -> None:
    assert "secret" not in (await browser.get(f"/portal/{path}")).text


async def test_another_build_takes_over_at_once(browser: httpx.AsyncClient, folder: Path) -> None:
    assert (await browser.get("/portal/assets/app-1a2b.js")).status_code == 200
    (folder / "assets" / "app-9z.js").write_bytes(b"new")
    (folder / "assets" / "app-1a2b.js").unlink()
    (folder / "index.new").write_text(PAGE + "<!-- newer -->")
    (folder / "index.new").rename(folder / "index.html")
    pages = await asyncio.gather(*(browser.get("/portal/") for _ in range(5)))
    assert all("newer" in page.text for page in pages)
    assert (await browser.get("/portal/assets/app-9z.js")).content == b"new"
    assert (await browser.get("/portal/assets/app-1a2b.js")).status_code == 404


async def test_without_a_build_the_page_says_how_to_get_one(cloud: Cloud, tmp_path: Path) -> None:
    portal = Portal(cloud, tmp_path / "nothing")
    app = Starlette(routes=[Route("/portal/{path:path}", portal.serve, methods=["GET"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://localhost") as browser:
        page = await browser.get("/portal/vms")
        assert (page.status_code, "make up" in page.text) == (503, True)
        assert "<script" not in page.text
        assert (await browser.get("/portal/assets/x.js")).status_code == 404


async def test_the_way_to_the_page(cloud: Cloud) -> None:
    for path in ("/", "/portal"):
        answer = await cloud.http.get(path)
        assert (answer.status_code, answer.headers["location"]) == (302, "/portal/")
    head = await cloud.http.head("/portal/assets/nope.js")
    assert (head.status_code, head.content) == (404, b"")


async def test_what_the_page_has_to_know_before_a_sign_in(cloud: Cloud) -> None:
    answer = await cloud.http.get("/portal/config.json")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json() == {
        "tenantId": TENANT,
        "clientId": "0f0b0a11-0000-4000-8000-000000000001",
        "issuer": f"{cloud.base}/{TENANT}/v2.0",
        "resource": cloud.base,
        "gateways": [f"wss://127.0.0.1:{cloud.ports['gateway']}"],
        "version": __version__,
        "cautionVersion": CAUTION_VERSION,
    }
    by_name = await cloud.http.get("/portal/config.json", headers={"Host": "localhost"})
    assert by_name.json()["gateways"] == [f"wss://localhost:{cloud.ports['gateway']}"]


@pytest.mark.parametrize("path", ["/", "/portal/", "/healthz", "/subscriptions", "/nope", "/common/x/keys"])
async def test_every_answer_of_the_port_is_guarded(cloud: Cloud, path: str) -> None:
    local = await cloud.http.get(path)
    assert local.headers["x-content-type-options"] == "nosniff"
    assert local.headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in local.headers["content-security-policy"]
    assert "strict-transport-security" not in local.headers
    away = await cloud.http.get(path, headers={"Host": "oob.example:8443"})
    assert away.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("LOCALHOST:8443", True),
        ("oob.localhost", True),
        ("localhost.", True),
        ("127.0.0.1:8443", True),
        ("127.9.9.9", True),
        ("[::1]:8443", True),
        ("[::1]", True),
        ("oob.example", False),
        ("localhost.example", False),
        ("192.0.2.5:8443", False),
        ("[2001:db8::1]:8443", False),
        ("", False),
    ],
)
def test_which_hosts_are_this_machine(host: str, local: bool) -> None:
    assert is_local(host) is local
