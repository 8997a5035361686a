"""`azcmagent check` and what stands behind a connection that failed, in networks that are broken for real.

A control plane runs on the far side of a cable with tinyproxy, squid, name servers and a proxy that opens
TLS; each test breaks one thing and reads what a person is told of it. The rows of the table of connection
issues in Azure's document of April 2021 have a test each, by their number there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support import check_schema
from tests.support.lab import (
    ANSWERING,
    CLOSED,
    FAR,
    NODATA,
    NOWHERE,
    NXDOMAIN,
    PLANE,
    REFUSED,
    SERVFAIL,
    SILENCE,
    Lab,
)
from tests.support.lab_peers import (
    Authority,
    Small,
    answering,
    cutting,
    hanging,
    intercepting,
    squid,
    talking,
    tinyproxy,
    until_listening,
)
from tests.support.process import Serve

NEEDED = ("ip", "tinyproxy", "squid")
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, NEEDED)), reason=f"needs root and {', '.join(NEEDED)}"
)
LOGIN, ARM = "login.lab.test", "arm.lab.test"
PORT, CONSOLE_PORT = 8443, 8444
ODD = {
    "ended": 9001,
    "other": 9002,
    "plain": 9003,
    "cut": 9004,
    "hang": 9005,
    "blocked": 9006,
    "unwell": 9007,
}
FILTER, PASSWORD, ALLOW, ARM_ONLY, OPENS, SSH = 3128, 3129, 3130, 3131, 3132, 3133
ZONE = {
    LOGIN: PLANE,
    ARM: PLANE,
    "odd.lab.test": FAR,
    "six.lab.test": "2001:db8::10",
    "gone.lab.test": NOWHERE,
}
HOSTS = "".join(f"{address} {name}\n" for name, address in ZONE.items())
AZCMAGENT = "from outofband.cli.azcmagent.main import main; main()"
GOOD = f"nameserver {ANSWERING}\n"


class Bench:
    """The lab with its control plane, and a server that was installed for it."""

    def __init__(self, folder: Path, lab: Lab, serve: Serve) -> None:
        self.folder, self.lab, self.serve = folder, lab, serve
        self.trust = serve.state.trust.read_text()
        self.state = folder / "server"
        self.odd = Authority("Lab Authority")

    def cloud(self, login: str = LOGIN, arm: str = ARM, port: int = PORT, trust: str | None = None) -> Path:
        """A state directory whose agent was installed for these addresses."""
        state = self.folder / f"server-{login}-{arm}-{port}"
        if not state.exists():
            (state / "agent").mkdir(mode=0o700, parents=True)
            state.chmod(0o700)
            told = {"name": "Lab", "arm": f"https://{arm}:{port}", "login": f"https://{login}:{port}"}
            (state / "agent" / "cloud.json").write_text(json.dumps({**told, "trust": trust or self.trust}))
        return state

    def run(
        self,
        *words: str,
        state: Path | None = None,
        resolv: str = GOOD,
        hosts: str = "",
        program: str = AZCMAGENT,
        **more: str,
    ) -> subprocess.CompletedProcess[str]:
        """`azcmagent` on the server, with these files and this environment."""
        clean = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        clean |= {"OOB_STATE": str(state or self.cloud()), "OOB_LANG": "en", "LC_ALL": "C.UTF-8", **more}
        return self.lab.run([sys.executable, "-c", program, *words], clean, resolv=resolv, hosts=hosts)

    def check(self, *words: str, **more: Any) -> dict[str, Any]:
        """What `check --json` says; its code and its exit code are the same."""
        done = self.run("check", "--json", *words, **more)
        assert done.stdout, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        check_schema.validate(report)
        assert done.returncode == report["exit"], done.stderr
        return report


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("doctor")
    (folder / "plane").mkdir(mode=0o700)
    serve = Serve(
        folder / "plane",
        ports=(PORT, CONSOLE_PORT),
        OOB_ADDRESS="0.0.0.0",
        OOB_ARM_URL=f"https://{ARM}:{PORT}",
        OOB_GATEWAY_URL=f"wss://{ARM}:{CONSOLE_PORT}",
        OOB_NAMES=f"{LOGIN},{ARM}",
    )
    with Lab(folder, ZONE) as lab:
        tinyproxy(lab, FILTER, f'Filter "{_filter(folder)}"', "FilterExtended On", hosts=HOSTS)
        tinyproxy(lab, PASSWORD, "BasicAuth ann secret", hosts=HOSTS)
        tinyproxy(lab, ALLOW, hosts=HOSTS)
        rules = (f"acl arm dstdomain {ARM}", "http_access deny arm")
        squid(lab, ARM_ONLY, *rules)
        with lab.inside(lab.far):
            serve.start()
        try:
            made = Bench(folder, lab, serve)
            small = _odd_servers(lab, made.odd, folder)
            until_listening(lab, FILTER, PASSWORD, ALLOW, ARM_ONLY)
            yield made
            for each in small:
                each.close()
        finally:
            serve.close()


def _filter(folder: Path) -> Path:
    """What the filtering proxy blocks."""
    file = folder / "filter"
    file.write_text(f"^({LOGIN}|{ARM})$\n".replace(".", "\\."))
    return file


def _odd_servers(lab: Lab, authority: Authority, folder: Path) -> list[Small]:
    names = ["odd.lab.test"]
    ours = authority.leaf(folder, names)
    stranger = Authority("Corporate Inspection CA").leaf(folder, [LOGIN, ARM, "odd.lab.test"])
    blocked = (
        b"HTTP/1.1 403 Forbidden\r\nServer: fence/1\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"
    )
    unwell = b"HTTP/1.1 503 Service Unavailable\r\nx-ms-request-id: 5b6c\r\nContent-Length: 0\r\n\r\n"
    return [
        Small(lab, FAR, ODD["ended"], talking(authority.leaf(folder, names, days=(-20, -3)), b"")),
        Small(lab, FAR, ODD["other"], talking(authority.leaf(folder, ["other.lab.test"]), b"")),
        Small(lab, FAR, ODD["plain"], answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
        Small(lab, FAR, ODD["cut"], cutting),
        Small(lab, FAR, ODD["hang"], hanging),
        Small(lab, FAR, ODD["blocked"], talking(ours, blocked)),
        Small(lab, FAR, ODD["unwell"], talking(ours, unwell)),
        Small(lab, FAR, OPENS, intercepting(stranger)),
        Small(lab, FAR, SSH, answering(b"SSH-2.0-OpenSSH_9.2\r\n")),
    ]


def endpoint(report: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in report["endpoints"] if each["name"] == name)
    return found


def broken(report: dict[str, Any], name: str = "login") -> dict[str, Any]:
    """The first step of a way that failed."""
    steps: list[dict[str, Any]] = endpoint(report, name)["steps"]
    failed = [each for each in steps if each["state"] == "failed"]
    assert len(failed) == 1, steps
    after = steps[steps.index(failed[0]) + 1 :]
    assert all(each["state"] == "skipped" and each["because"] for each in after)
    return failed[0]


def proxied(port: int, user: str = "") -> dict[str, str]:
    return {"HTTPS_PROXY": f"http://{user}{FAR}:{port}"}


def test_a_clear_way(bench: Bench) -> None:
    report = bench.check()
    assert {each["name"]: each["state"] for each in report["endpoints"]} == dict.fromkeys(
        ("login", "arm", "link", "console"), "ok"
    )
    steps = {each["step"]: each for each in endpoint(report, "link")["steps"]}
    assert steps["dns"]["evidence"]["resolver"] == ANSWERING
    assert steps["route"]["evidence"]["gateway"] == FAR
    assert steps["tls"]["evidence"]["version"].startswith("TLSv1.")
    assert steps["http"]["evidence"]["line"] == "HTTP/1.1 101 Switching Protocols"
    assert steps["proxy"]["because"] == "no-proxy"
    # The agent itself was never started here: that is told, with its own code, and is no network error.
    assert (report["code"], report["local"][0]["cause"]) == ("AZCM0061", "AgentServiceDown")


# Row 1: network is unreachable.


def test_no_route(bench: Bench) -> None:
    with bench.lab.without_route():
        report = bench.check(resolv="", hosts=HOSTS)
    assert report["code"] == "AZCM0026"
    for name in ("login", "arm", "link"):
        step = broken(report, name)
        assert (step["step"], step["cause"]) == ("route", "NetworkUnreachable")
        assert "network is unreachable" in step["message"] and PLANE in step["message"]
        assert step["evidence"]["errno"] == 101
        assert "wire0 up" in step["evidence"]["interfaces"]


def test_only_the_other_family(bench: Bench) -> None:
    step = broken(bench.check(state=bench.cloud(login="six.lab.test")))
    assert (step["step"], step["cause"]) == ("route", "AddressFamilyUnreachable")
    assert (step["evidence"]["lacks"], step["evidence"]["has"]) == ("IPv6", "IPv4")


# Row 3: no such host, and what is said to be that by those who do not look.


@pytest.mark.parametrize(
    ("server", "cause", "word"),
    [
        (NXDOMAIN, "HostNameUnknown", "no such host"),
        (SERVFAIL, "ResolverFailed", "SERVFAIL"),
        (REFUSED, "ResolverRefused", "REFUSED"),
        (NODATA, "HostNameHasNoAddress", "no address"),
        (CLOSED, "ResolverUnreachable", "closed"),
    ],
)
def test_names(bench: Bench, server: str, cause: str, word: str) -> None:
    report = bench.check(resolv=f"nameserver {server}\nsearch corp.test\n")
    step = broken(report)
    assert report["code"] == "AZCM0026"
    assert (step["step"], step["cause"]) == ("dns", cause)
    assert word in step["message"] and server in step["message"]
    assert step["evidence"]["search"] == ["corp.test"]
    assert any(LOGIN in each for each in step["evidence"]["answers"])


def test_silence_is_not_waited_for_long(bench: Bench) -> None:
    """A name server, a port and a service that say nothing; three servers at the same time."""
    gone = bench.cloud(login="gone.lab.test", arm="gone.lab.test")
    hangs = bench.cloud(login="odd.lab.test", arm="odd.lab.test", port=ODD["hang"], trust=bench.odd.pem)
    with ThreadPoolExecutor(3) as threads:
        names = threads.submit(bench.check, resolv=f"nameserver {SILENCE}\n")
        port = threads.submit(bench.check, state=gone)
        service = threads.submit(bench.check, state=hangs)
    reports = [each.result() for each in (names, port, service)]
    assert [(step["step"], step["cause"]) for step in map(broken, reports)] == [
        ("dns", "ResolverSilent"),
        ("tcp", "PortSilent"),
        ("tls", "TlsCut"),
    ]
    assert SILENCE in broken(reports[0])["message"]
    assert NOWHERE in broken(reports[1])["message"]
    assert all(each["seconds"] < 30 for each in reports)


# Row 2 and row 4: Forbidden. The device code and the token go to the same host.


def test_a_proxy_forbids(bench: Bench) -> None:
    report = bench.check(**proxied(FILTER))
    step = broken(report)
    assert (report["code"], step["step"], step["cause"]) == ("AZCM0026", "proxy", "ProxyForbids")
    assert step["title"].endswith("Forbidden")
    assert f"http://{FAR}:{FILTER}" in step["message"] and "HTTPS_PROXY" in step["message"]
    assert step["evidence"]["line"] == "HTTP/1.1 403 Filtered"
    assert "tinyproxy" in step["message"]
    assert LOGIN in step["remedy"][0]


# Row 9: the proxy lets sign-in through, and Resource Manager not.


def test_a_proxy_forbids_resource_manager_alone(bench: Bench) -> None:
    report = bench.check(**proxied(ARM_ONLY))
    assert endpoint(report, "login")["state"] == "ok"
    step = broken(report, "arm")
    assert (report["code"], step["cause"]) == ("AZCM0026", "ProxyForbids")
    assert step["evidence"]["line"] == "HTTP/1.1 403 Forbidden"
    assert "edge.lab.test (squid/" in step["message"]
    assert ARM in step["message"] and ARM in step["remedy"][0]


def test_a_proxy_wants_a_password(bench: Bench) -> None:
    step = broken(bench.check(**proxied(PASSWORD)))
    assert step["cause"] == "ProxyWantsPassword"
    assert "407" in step["message"] and step["evidence"]["schemes"] == ["Basic"]


def test_a_proxy_gets_the_wrong_password(bench: Bench) -> None:
    done = bench.run("check", "--json", **proxied(PASSWORD, "ann:geheim42@"))
    step = broken(json.loads(done.stdout))
    assert step["cause"] == "ProxyPasswordRefused"
    assert "geheim42" not in done.stdout + done.stderr


def test_a_proxy_gets_the_right_password(bench: Bench) -> None:
    report = bench.check(**proxied(PASSWORD, "ann:secret@"))
    assert {each["state"] for each in report["endpoints"]} == {"ok"}
    assert endpoint(report, "arm")["via"] == f"http://{FAR}:{PASSWORD}"
    assert endpoint(report, "arm")["viaSource"] == "HTTPS_PROXY"


def test_a_proxy_that_does_not_know_the_name(bench: Bench) -> None:
    step = broken(bench.check(state=bench.cloud(login="unknown.lab.test"), **proxied(ALLOW)))
    assert (step["step"], step["cause"]) == ("proxy", "ProxyFailed")
    assert step["evidence"]["status"] == 500


@pytest.mark.parametrize(
    ("proxy", "where", "cause"),
    [
        (f"http://{FAR}:4", "tcp", "ProxyPortClosed"),
        ("http://nowhere.lab.test:3128", "dns", "ProxyNameUnknown"),
        (f"http://{FAR}:{SSH}", "proxy", "ProxyNotSpoken"),
        (f"socks5://{FAR}:{ALLOW}", "proxy", "ProxyNotSpoken"),
    ],
)
def test_what_is_no_proxy(bench: Bench, proxy: str, where: str, cause: str) -> None:
    """A closed proxy looks as if the service had refused, to whoever reads the exception alone."""
    step = broken(bench.check(HTTPS_PROXY=proxy))
    assert (step["step"], step["cause"]) == (where, cause)
    assert proxy in step["message"]


def test_tls_is_opened_on_the_way(bench: Bench) -> None:
    report = bench.check(**proxied(OPENS))
    step = broken(report)
    assert (report["code"], step["step"], step["cause"]) == ("AZCM0026", "tls", "TlsIntercepted")
    assert 'issued by "Corporate Inspection CA"' in step["message"]
    assert step["evidence"]["expected"] in step["message"]


@pytest.mark.parametrize(
    ("name", "where", "cause", "word"),
    [
        ("ended", "tls", "CertificateEnded", "was valid until"),
        ("other", "tls", "CertificateOfOther", "other.lab.test"),
        ("plain", "tls", "TlsNotSpoken", "does not speak TLS"),
        ("cut", "tls", "TlsCut", "reset"),
        ("blocked", "http", "AnsweredOnTheWay", "fence/1"),
        ("unwell", "http", "ServiceUnwell", "503"),
    ],
)
def test_odd_servers(bench: Bench, name: str, where: str, cause: str, word: str) -> None:
    state = bench.cloud(login="odd.lab.test", arm="odd.lab.test", port=ODD[name], trust=bench.odd.pem)
    report = bench.check(state=state)
    step = broken(report)
    assert (report["code"], step["step"], step["cause"]) == ("AZCM0026", where, cause)
    assert word in step["message"]


def test_a_closed_port(bench: Bench) -> None:
    step = broken(bench.check(state=bench.cloud(login=ARM, port=4)))
    assert (step["step"], step["cause"]) == ("tcp", "PortClosed")
    assert "refused the connection to port 4" in step["message"]


def test_a_clock_that_is_wrong_is_a_warning(bench: Bench) -> None:
    late = (
        "from outofband.core import clock; now = clock.wall; clock.wall = lambda: now() + 400; "
        "from outofband.cli.azcmagent.main import main; main()"
    )
    report = bench.check(program=late)
    steps = {each["step"]: each for each in endpoint(report, "arm")["steps"]}
    assert (steps["clock"]["state"], steps["clock"]["cause"]) == ("warning", "ClockDiffers")
    assert 395 <= steps["clock"]["evidence"]["seconds"] <= 405
    assert endpoint(report, "arm")["state"] == "warning"
    assert report["code"] == "AZCM0061", "a warning is no reason to fail; that himds does not run is"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["The proxy http://", "cause:", "AZCM0026: 3 of 3 addresses"]),
        ("fr", ["Le proxy http://", "cause :", "AZCM0026 : 3 adresses sur 3"]),
        ("nl", ["De proxy http://", "oorzaak:", "AZCM0026: 3 van 3 adressen"]),
    ],
)
def test_what_a_person_reads(bench: Bench, language: str, words: list[str]) -> None:
    done = bench.run("check", "--no-color", OOB_LANG=language, **proxied(FILTER))
    assert done.returncode == 26
    assert all(word in done.stdout for word in words), done.stdout
    assert "HTTP/1.1 403 Filtered" in done.stdout and LOGIN in done.stdout
    assert "\x1b" not in done.stdout


def test_another_cloud(bench: Bench) -> None:
    report = bench.check("--cloud", "AzureCloud", "--location", "westeurope")
    assert report["cloud"] == "AzureCloud"
    assert broken(report)["cause"] == "HostNameUnknown"
    assert endpoint(report, "arc-region")["host"] == "westeurope.his.arc.azure.com"
    assert [each["because"] for each in report["identity"]] == ["another-cloud"] * 3
    done = bench.run("check", "--cloud", "AzureMoonCloud")
    assert done.returncode == 14 and "AZCM0014" in done.stdout + done.stderr


def test_private_link(bench: Bench) -> None:
    with bench.lab.without_route():
        report = bench.check("--enable-pls-check", hosts=f"9.9.9.9 {ARM}\n")
    step = broken(report, "link")
    assert (step["step"], step["cause"]) == ("dns", "AddressNotPrivate")
    assert "9.9.9.9" in step["message"]


# The same rows as a person meets them: `connect`, with the agent's service running.


@pytest.fixture(scope="module")
def server(bench: Bench) -> Path:
    """A server whose himds runs, not connected yet."""
    state = bench.cloud()
    environment = ["env", "-u", "HTTPS_PROXY", "-u", "https_proxy", f"OOB_STATE={state}"]
    himds = [sys.executable, "-c", "from outofband.agent.himds import main; main()"]
    bench.lab.start([*environment, *himds], near=True, log="himds.log", resolv=GOOD)
    deadline = time.monotonic() + 30
    while not (state / "agent" / "admin.sock").exists():
        assert time.monotonic() < deadline, (bench.folder / "himds.log").read_text()
        time.sleep(0.05)
    return state


def connect(bench: Bench, state: Path, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    told = bench.serve.profile()
    place = ["-s", told["subscriptionId"], "-g", told["resourceGroup"], "-t", told["tenantId"], "-l", "local"]
    return bench.run("connect", "--no-color", *place, *words, state=state, **more)


def principal(bench: Bench, **changed: str) -> list[str]:
    told = bench.serve.profile()
    secret = Path(told["clientSecretFile"]).read_text().strip()
    told = {"id": told["clientId"], "secret": secret, **changed}
    return ["--service-principal-id", told["id"], "--service-principal-secret", told["secret"]]


def said(done: subprocess.CompletedProcess[str]) -> str:
    """What a person read, on one line."""
    return " ".join((done.stdout + done.stderr).split())


def test_row_1_device_code_without_a_route(bench: Bench, server: Path) -> None:
    with bench.lab.without_route():
        done = connect(bench, server, "--use-device-code", hosts=HOSTS)
    assert done.returncode == 26, said(done)
    assert "AZCM0026" in said(done) and "network is unreachable" in said(done) and LOGIN in said(done)


def test_row_2_device_code_forbidden(bench: Bench, server: Path) -> None:
    done = connect(bench, server, "--use-device-code", **proxied(FILTER))
    assert done.returncode == 26, said(done)
    words = ("AZCM0026", "HTTP/1.1 403 Filtered", f"http://{FAR}:{FILTER}", "HTTPS_PROXY", LOGIN)
    assert all(word in said(done) for word in words), said(done)


def test_row_3_device_code_no_such_host(bench: Bench, server: Path) -> None:
    done = connect(bench, server, "--use-device-code", resolv=f"nameserver {NXDOMAIN}\n")
    assert done.returncode == 26, said(done)
    assert "no such host" in said(done) and NXDOMAIN in said(done)


def test_row_4_token_forbidden(bench: Bench, server: Path) -> None:
    done = connect(bench, server, *principal(bench), **proxied(FILTER))
    assert done.returncode == 26, said(done)
    assert "HTTP/1.1 403 Filtered" in said(done) and LOGIN in said(done)


def test_row_5_wrong_secret(bench: Bench, server: Path) -> None:
    done = connect(bench, server, *principal(bench, secret="geheim42"))
    assert done.returncode == 41, said(done)
    assert "AZCM0041" in said(done) and "AADSTS7000215" in said(done) and "geheim42" not in said(done)


def test_row_6_unknown_application(bench: Bench, server: Path) -> None:
    nobody = "11111111-2222-4333-8444-555555555555"
    done = connect(bench, server, *principal(bench, id=nobody))
    assert done.returncode == 41, said(done)
    assert "AADSTS700016" in said(done) and nobody in said(done)


def test_row_9_resource_manager_forbidden(bench: Bench, server: Path) -> None:
    done = connect(bench, server, *principal(bench), **proxied(ARM_ONLY))
    assert done.returncode == 26, said(done)
    assert all(word in said(done) for word in ("AZCM0026", "403 Forbidden", ARM, "edge.lab.test")), said(done)


@pytest.mark.parametrize(
    ("language", "words"), [("fr", "network is unreachable"), ("nl", "Het netwerk is onbereikbaar")]
)
def test_row_1_in_other_languages(bench: Bench, server: Path, language: str, words: str) -> None:
    with bench.lab.without_route():
        done = connect(bench, server, "--use-device-code", hosts=HOSTS, OOB_LANG=language)
    assert done.returncode == 26
    assert words in said(done), said(done)


def test_nothing_is_wrong(bench: Bench, server: Path) -> None:
    """Last: the server is connected, and every step is well, also those that need its identity."""
    done = connect(bench, server, *principal(bench))
    assert done.returncode == 0, said(done)
    report = bench.check(state=server)
    assert (report["code"], report["exit"], report["state"]) == ("AZCM0000", 0, "ok")
    assert [each["state"] for each in report["local"]] == ["ok", "ok"]
    assert {each["step"]: each["state"] for each in report["identity"]}["identity"] == "ok"
    assert report["identity"][1]["state"] == "ok", "its own key gives it a token"
    (server / "agent" / "agent.crt").unlink()
    report = bench.check(state=server)
    assert report["identity"][0]["cause"] == "IdentityCertificateMissing"
    assert "no network error" in report["identity"][0]["message"]
    assert (report["code"], report["exit"]) == ("AZCM0081", 81)
