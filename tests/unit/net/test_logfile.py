from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from outofband.net import logfile, logs
from outofband.net.logfile import LogFile, line, redacted

LINE = re.compile(
    r'time="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ" level=(\w+) msg=("(?:[^"\\]|\\.)*"|[\w./@^+-]+)(.*)\n'
)
_WRITER = """
import sys
from pathlib import Path
from outofband.net.logfile import LogFile
log = LogFile(Path(sys.argv[1]), limit=4096, keep=200)
log.open()
print("open", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    log.write("info", "counted", who=sys.argv[2], number=number)
"""


@pytest.fixture(autouse=True)
def _nothing_hidden() -> None:
    logfile._hidden.clear()


def test_a_line_is_what_logrus_writes() -> None:
    made = line(
        "info", "Create ARM Resource Response", {"Body": '{"a": 1}', "Status Code": 200, "to": "a/b.c"}
    )
    found = LINE.fullmatch(made)
    assert found is not None
    assert found[1] == "info"
    assert found[2] == '"Create ARM Resource Response"'
    assert found[3] == ' Body="{\\"a\\": 1}" Status Code=200 to=a/b.c'


@pytest.mark.parametrize("end", ["\n", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_no_value_begins_a_line(end: str) -> None:
    forged = f'x{end}time="2026-01-01T00:00:00Z" level=error msg=forged'
    made = line("info", forged, {"value": forged, f"na{end}me": 1})
    assert len(made.splitlines()) == 1
    assert LINE.fullmatch(made)


def test_nothing_moves_a_terminal() -> None:
    made = line("info", "a\x1b[2Jb", {"c": "\x9b31m\u202e"})
    assert made.rstrip("\n").isprintable()
    assert "\\x1b[2J" in made and "\\u009b31m\\u202e" in made


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("proxy http://user:pa%20ss@proxy:3128/", "pa%20ss"),
        ("proxy http://user:p@ss@proxy:3128/", "p@ss"),
        ("proxy http://onlyuser@proxy:3128", "onlyuser"),
        ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
        ("Proxy-Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("got eyJhbGciOiJFUzI1NiJ9.eyJhIjoxfQ.c2ln here", "eyJhIjoxfQ"),
        ("grant_type=x&client_secret=s3cr3t%21&scope=y", "s3cr3t"),
        ('{"access_token": "opaque\\"more", "expires_in": 3}', "opaque"),
        ("{'client_secret': 'abcd1234'}", "abcd1234"),
        ("https://host/blob?sp=r&sig=AbC%2B&se=1", "AbC"),
        ("-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----", "MC4CAQ"),
    ],
)
def test_what_looks_like_a_secret_is_not_shown(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in redacted(text)
    assert secret not in line("info", text, {"detail": text})


def test_what_a_known_secret_is_in_does_not_matter() -> None:
    logfile.hide("kn0wn se/cret")
    assert "kn0wn" not in line("debug", "argv ['-p', 'kn0wn se/cret']", {"url": "x?y=kn0wn%20se%2Fcret"})
    assert "kn0wn" not in line("debug", "form y=kn0wn+se%2Fcret")


def test_names_and_plain_texts_stay() -> None:
    made = line("info", "https://host/a?b=c", {"private": "x", "realm": "Basic realm=/var/opt/tokens/a.key"})
    assert '"https://host/a?b=c" private="***" realm="Basic realm=/var/opt/tokens/a.key"' in made


def test_files_are_bounded_in_size_and_number(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log" / "himds.log", limit=1000, keep=2)
    log.open()
    for number in range(200):
        log.write("info", "event", number=number)
    log.close()
    names = sorted(each.name for each in log.path.parent.iterdir())
    assert names == ["himds.log", "himds.log.1", "himds.log.2"]
    assert all(0 < each.stat().st_size <= 1000 for each in log.path.parent.iterdir())
    assert all(each.stat().st_mode & 0o777 == 0o640 for each in log.path.parent.iterdir())
    log.path.parent.chmod(0o700)
    log.open()
    log.close()
    assert log.path.stat().st_mode & 0o777 == 0o600
    kept = "".join(log.path.with_name(name).read_text() for name in (names[2], names[1], names[0]))
    numbers = [int(each) for each in re.findall(r"number=(\d+)", kept)]
    assert numbers == list(range(numbers[0], 200))


def test_a_log_moved_away_by_others_begins_anew(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "azcmagent.log")
    log.open()
    log.write("info", "before")
    log.path.rename(tmp_path / "elsewhere")
    log.write("info", "after")
    assert "before" in (tmp_path / "elsewhere").read_text()
    assert "after" not in (tmp_path / "elsewhere").read_text()
    assert "after" in log.path.read_text()


@pytest.mark.exact
def test_processes_that_write_and_rotate_one_log_lose_nothing(tmp_path: Path) -> None:
    path, count, names = tmp_path / "azcmagent.log", 1500, ["a", "b", "c"]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path), name, str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for each in writers:
        assert each.stdout is not None and each.stdout.readline() == "open\n"
    for each in writers:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in writers:
        each.communicate(timeout=60)
        assert each.returncode == 0
    assert len(list(tmp_path.iterdir())) > 20
    found: dict[str, set[int]] = {name: set() for name in names}
    for file in tmp_path.iterdir():
        # A file moved twice would be moved when it was nearly empty, and push an older one out.
        assert file == path or 4096 - 100 < file.stat().st_size <= 4096 + 3 * 100
        for each in file.read_text().splitlines(keepends=True):
            assert LINE.fullmatch(each), each
            match = re.search(r" who=(\w) number=(\d+)", each)
            assert match is not None
            found[match[1]].add(int(match[2]))
    assert all(found[name] == set(range(count)) for name in names)


def test_no_link_leads_the_log_elsewhere(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine\n")
    for make in (os.symlink, os.link):
        path = tmp_path / f"{make.__name__}.log"
        make(victim, path)
        log = LogFile(path)
        with pytest.raises(OSError):
            log.open()
        log.write("info", "not here")
    os.mkfifo(tmp_path / "fifo.log")
    with pytest.raises(OSError):
        LogFile(tmp_path / "fifo.log").open()
    assert victim.read_text() == "mine\n"


def test_levels_below_the_least_are_not_written(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "a.log", level="info")
    log.open()
    log.write("debug", "quiet")
    log.write("error", "loud")
    assert re.findall(r"msg=(\w+)", log.path.read_text()) == ["loud"]


def test_a_service_keeps_its_events_in_a_file_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = structlog.get_config()
    file = LogFile(tmp_path / "himds.log")
    file.open()
    try:
        logs.configure(json=True, file=file)
        logger = structlog.get_logger("test")
        logger.debug("not.this")
        logger.info("link.up", node="a b", token="abcd1234")
        try:
            raise ValueError("what\nfailed")
        except ValueError:
            logger.exception("broke")
    finally:
        structlog.configure(**before)
    first, second = file.path.read_text().splitlines(keepends=True)
    assert LINE.fullmatch(first) and 'level=info msg=link.up node="a b" token="***"' in first
    assert LINE.fullmatch(second) and "level=error msg=broke" in second and "what\\nfailed" in second
    shown = capsys.readouterr().err
    assert '"event": "link.up"' in shown and "Traceback" in shown and "abcd1234" not in shown
