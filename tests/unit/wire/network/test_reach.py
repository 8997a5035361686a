"""The script that tries a port in a guest, run for real, and how little of what it says is believed."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from outofband.wire.network import reach
from outofband.wire.network.reach import ReachArgs, Trouble
from outofband.wire.steps import powershell


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


def ran(host: str, port: int, path: str | None = None, tries: int = 3) -> reach.Reached:
    args = reach.run_args(ReachArgs(host=host, port=port, tries=tries), windows=False)
    # Patience for a machine with much to do, where a shell alone takes its time to begin.
    given = [*(each.value for each in args.parameters[:3]), "30"]
    done = subprocess.run(
        ["/bin/sh", "-s", *given],
        input=args.text,
        env={"PATH": path or "/usr/bin:/bin:/usr/sbin:/sbin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stderr == ""
    return reach.parse(done.stdout)


def test_a_port_that_listens(port: int) -> None:
    found = ran("127.0.0.1", port)
    assert (found.address, found.trouble, len(found.times)) == ("127.0.0.1", None, 3)
    assert all(0 < each < 30_000 for each in found.times)


def test_a_port_that_does_not(port: int) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        found = ran("127.0.0.1", closed.getsockname()[1], tries=2)
    assert [each.trouble for each in found.tries] == [Trouble.REFUSED] * 2
    assert "refused" in found.tries[0].words


def test_a_name(port: int) -> None:
    found = ran("localhost", port, tries=1)
    assert (found.address, len(found.times)) == ("127.0.0.1", 1)
    assert ran("no-such-host.invalid", port).trouble is Trouble.NAME


def test_a_guest_without_any_tool(port: int, tmp_path: Path) -> None:
    for name in ("date", "tail", "cut", "grep", "timeout"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    assert ran("127.0.0.1", port, path=str(tmp_path)).trouble is Trouble.NO_TOOL


@pytest.mark.parametrize(
    ("words", "trouble"),
    [
        ("nc: can't connect to remote host (10.0.0.9): Connection refused", Trouble.REFUSED),
        ("bash: connect: No route to host", Trouble.NO_ROUTE),
        ("bash: connect: Network is unreachable", Trouble.NO_ROUTE),
        ("nc: can't connect to remote host (10.0.0.9): Connection timed out", Trouble.SILENT),
        ("", Trouble.SILENT),
        ("ConnectionRefused", Trouble.REFUSED),
        ("HostUnreachable", Trouble.NO_ROUTE),
        ("TimedOut", Trouble.SILENT),
        ("Permission denied", Trouble.OTHER),
    ],
)
def test_what_words_mean(words: str, trouble: Trouble) -> None:
    line = f"outofband.reach/1 failed 1200 {words}".rstrip()
    (found,) = reach.parse(line).tries
    assert (found.trouble, found.ms) == (trouble, 1.2)


def test_a_guest_is_not_believed() -> None:
    many = "outofband.reach/1 through 5\n" * 500
    odd = (
        "outofband.reach/1 address 1.2.3.4; rm\n"
        "outofband.reach/1 through -5\n"
        "outofband.reach/1 through 99999999999999999999\n"
        "outofband.reach/1 failed 1 \x1b[2Jpwn\u202e" + "x" * 4000 + "\n"
        "outofband.reach/1 reachable\nnoise\n"
    )
    found = reach.parse(odd + many)
    assert found.address == ""
    assert len(found.tries) == 20
    assert found.tries[0].ms == found.tries[1].ms == 0
    assert found.tries[2].words.startswith("[2Jpwnx") and len(found.tries[2].words) <= 200
    assert reach.parse("").trouble is Trouble.NO_TOOL


@pytest.mark.parametrize("host", ["a b", "$(id)", "-x", "a;b", "1.2.3.4\n", "", "a" * 64, "::1", "a..b"])
def test_only_names_and_addresses_reach_a_shell(host: str) -> None:
    assert not reach.is_host(host)
    if host:
        with pytest.raises(ValueError, match="expected a name"):
            reach.run_args(ReachArgs(host=host, port=22), windows=False)


def test_the_text_for_windows_has_its_form() -> None:
    """Not seen on a real Windows: what is held is what can be seen without one."""
    args = reach.run_args(ReachArgs(host="web.example", port=443), windows=True)
    assert powershell.is_meant(args.text)
    assert [each.value for each in args.parameters] == ["web.example", "443", "5", "3"]
    assert "web.example" not in args.text
    for opened, closed in ("{}", "()", "[]"):
        assert args.text.count(opened) == args.text.count(closed)
