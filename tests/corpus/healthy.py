"""Long logs of healthy guests: boots, services with much to say, people who print files, mixed by a seed.

Boots and sessions are the corpus' own healthy recordings with other times, process ids, names and UUIDs; in
between lie days of service messages, and people at the prompt who read documents, old logs and mails, many of
them about failures. Nothing in it is wrong, so nothing may be told.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from guests.broken import texts
from guests.broken.recording import PRINTED, RESET, Event
from tests.corpus.measure import HELD_OUT, KNOWN, cases

DOCUMENTS: Final = ("docs/**/*.md", "README.md", "CHANGELOG.md", "LICENSE", "guests/README.md")
ROOT: Final = Path(__file__).resolve().parents[2]
PIECE: Final = 4096  # bytes that are printed at once
EPISODES: Final = (("chatter", 6), ("session", 3), ("boot", 2))

_TIME: Final = re.compile(rb"\[ *(\d+)\.(\d{6})\]")
_PID: Final = re.compile(rb"(?<=[a-z])\[(\d{2,5})\](?=:)")
_UUID: Final = re.compile(rb"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_HOSTS: Final = ("web01", "db-3", "mail", "build7", "proxy2", "node-11")
_UNITS: Final = (
    "nginx.service - A web server and proxy", "cron.service - Regular jobs",
    "apt-daily.service - Daily apt download activities", "logrotate.service - Rotate log files",
    "postgresql@15-main.service - PostgreSQL Cluster 15-main", "certbot.service - Certbot",
    "systemd-tmpfiles-clean.service - Cleanup of Temporary Directories", "fstrim.service - Discard blocks",
    "panic-button.service - Alarm switchboard", "oom-report.service - Report on memory pressure",
)  # fmt: skip
_MESSAGES: Final = (
    'nginx[{pid}]: 10.0.0.{n} - - "GET /status HTTP/1.1" 200 {big}',
    "sshd[{pid}]: Accepted publickey for deploy from 10.0.3.{n} port {big} ssh2",
    "sshd[{pid}]: Failed password for invalid user admin from 203.0.113.{n} port {big} ssh2",
    "CRON[{pid}]: (root) CMD (test -x /usr/sbin/anacron || run-parts --report /etc/cron.daily)",
    "postgres[{pid}]: LOG:  checkpoint complete: wrote {big} buffers (0.{n}%)",
    "app[{pid}]: WARN retrying request {big} after timeout (panic threshold not reached)",
    "app[{pid}]: ERROR upload {big} refused by upstream: quota exceeded",
    "dhclient[{pid}]: bound to 10.0.0.{n} -- renewal in {big} seconds.",
    "kernel: [UFW BLOCK] IN=eth0 OUT= SRC=198.51.100.{n} DST=10.0.0.4 PROTO=TCP SPT={big} DPT=23",
    "java[{pid}]: java.lang.IllegalStateException: pool exhausted (kernel of the matter, see emergency plan)",
    "backup[{pid}]: {big} files, {n} skipped, no space problems, read-only snapshot released",
    "chronyd[{pid}]: Selected source 192.0.2.{n} (pool.example)",
)
_KERNEL: Final = (
    "IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link becomes ready",
    "TCP: request_sock_TCP: Possible SYN flooding on port 443. Sending cookies.",
    "perf: interrupt took too long ({big} > 2500), lowering kernel.perf_event_max_sample_rate to 79500",
    "EXT4-fs (vdb1): mounted filesystem with ordered data mode. Quota mode: none.",
    "clocksource: timekeeping watchdog on CPU1: acpi_pm wd-wd read-back delay of {big}ns",
    "systemd-journald[{pid}]: Received client request to flush runtime journal.",
    "device veth{n} entered promiscuous mode",
    "hrtimer: interrupt took {big} ns",
)


class Log:
    """One guest's endless life; `events` are those of a recording."""

    def __init__(self, seed: object) -> None:
        self._draw = random.Random(str(seed))
        self._boots = [case for part in (KNOWN, HELD_OUT) for case in cases(part) if not case.labelled.labels]
        self._documents = [path for pattern in DOCUMENTS for path in sorted(ROOT.glob(pattern))]
        self._at = 0
        self._uptime = 0.0
        self._host = "web01"

    def events(self, size: int) -> Iterator[Event]:
        """At least `size` bytes, from the first boot on; it ends at a prompt."""
        made = 0
        kinds, weights = zip(*EPISODES, strict=True)
        kind = "boot"
        while made < size or kind == "chatter":
            for event in getattr(self, f"_{kind}")():
                made += len(event.data)
                yield event
            kind = self._draw.choices(kinds, weights)[0]
        yield from self._session()

    def _printed(self, text: bytes, seconds: float) -> Iterator[Event]:
        """Text in pieces over a time."""
        pieces = [text[place : place + PIECE] for place in range(0, len(text), PIECE)]
        for piece in pieces:
            self._at += int(1000 * seconds / len(pieces)) + 1
            self._uptime += seconds / len(pieces)
            yield Event(PRINTED, self._at, piece)

    def _boot(self) -> Iterator[Event]:
        """A recording of a healthy guest, as it would be another time and on another machine."""
        case = self._draw.choice(self._boots)
        began, self._uptime = self._at, 0.0
        self._host = self._draw.choice(_HOSTS)
        faster, more = self._draw.uniform(0.3, 2.5), self._draw.randrange(1, 400)

        def time_of(match: re.Match[bytes]) -> bytes:
            return b"[%12.6f]" % (float(b"%s.%s" % match.groups()) * faster)

        self._at += 200
        yield Event(RESET, self._at)
        for event in case.recording.events:
            if event.kind not in {PRINTED, RESET}:
                continue
            self._at = max(self._at, began + 500 + int(event.at * faster))
            data = _TIME.sub(time_of, event.data)
            data = _PID.sub(lambda match: b"[%d]" % (int(match[1]) + more), data)
            data = _UUID.sub(lambda _: self._uuid(), data)
            yield Event(event.kind, self._at, data.replace(b"tgt01", self._host.encode()))
        self._at += 2000
        yield from self._prompt()

    def _chatter(self) -> Iterator[Event]:
        lines = []
        for _ in range(self._draw.randrange(50, 900)):
            self._uptime += self._draw.expovariate(2.0)
            kind = self._draw.random()
            if kind < 0.15:
                verb = self._draw.choice(
                    ["Starting {}...", "Started {}.", "Finished {}.", "Stopped {}.", "Stopping {}..."]
                )
                colour = "\x1b[0;32m  OK  \x1b[0m" if "ing" not in verb else "      "
                head = f"[{colour}] " if "ing" not in verb else "         "
                lines.append(head + verb.format(self._draw.choice(_UNITS)))
            elif kind < 0.4:
                lines.append(f"[{self._uptime:12.6f}] " + self._filled(self._draw.choice(_KERNEL)))
            else:
                lines.append(f"{self._host} " + self._filled(self._draw.choice(_MESSAGES)))
        yield from self._printed("".join(f"{line}\r\n" for line in lines).encode(), len(lines) * 0.5)
        yield from self._prompt()

    def _session(self) -> Iterator[Event]:
        name = f"operator@{self._host}:~$ "
        said = [f"operator\r\nPassword: \r\nLast login: Fri Nov 13 on ttyS0\r\n{name}"]
        for _ in range(self._draw.randrange(1, 6)):
            command, text = self._reading()
            said.append(f"{command}\r\n{text}{name}".replace("\r\n", "\n").replace("\n", "\r\n"))
        said.append("exit\r\nlogout\r\n")
        for text in said:
            yield from self._printed(text.encode(), self._draw.uniform(0.2, 20))
        yield from self._prompt()

    def _reading(self) -> tuple[str, str]:
        """A command and what it prints."""
        kind = self._draw.randrange(6)
        if kind == 0:
            return "less -FX handbook", texts.HANDBOOK
        if kind == 1:
            return "cat notes.md", texts.NOTES
        if kind == 2:
            return "cat /var/log/kern.log.1", texts.old_kernel_log(self._draw, self._draw.randrange(20, 300))
        if kind == 3:
            return "cat Mail/panic-on-boot", texts.PANIC_MAIL
        if kind == 4:
            log = texts.old_kernel_log(self._draw, 200)
            found = [line for line in log.splitlines() if re.search("panic|oom|Oops|read-only", line)]
            return "grep -iE 'panic|oom|oops|read-only' /var/log/kern.log", "\n".join(found) + "\n"
        path = self._draw.choice(self._documents)
        return f"cat {path.name}", path.read_text()

    def _prompt(self) -> Iterator[Event]:
        banner = f"\r\nDebian GNU/Linux 12 {self._host} ttyS0\r\n\r\n{self._host} login: "
        yield from self._printed(banner.encode(), 1.0)

    def _filled(self, text: str) -> str:
        draw = self._draw
        return text.format(
            pid=draw.randrange(300, 30000), n=draw.randrange(2, 250), big=draw.randrange(1000, 60000)
        )

    def _uuid(self) -> bytes:
        digits = f"{self._draw.randrange(2**128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])).encode()
