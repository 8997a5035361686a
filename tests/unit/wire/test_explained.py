"""A code, a text or a log, explained in the reader's language."""

from __future__ import annotations

import pytest

from outofband.catalogue import explain
from outofband.core.errors import Fault
from outofband.core.locale import LOCALES
from outofband.wire.detect.lines import clean
from outofband.wire.explained import LOG, of_code, of_log, of_text
from tests.unit.wire.detect.samples import EMERGENCY, HEALTHY, SAMPLES

LOG_LINES = b"".join(each if isinstance(each, bytes) else each.encode() for each in EMERGENCY)


def test_a_log_names_line_offset_and_evidence() -> None:
    (found,) = of_log(b"first line\r\n" + LOG_LINES)
    assert (found.code, found.how, found.severity, found.ended) == ("EmergencyMode", LOG, "error", False)
    assert "srv-data.mount" in found.message
    assert "systemctl status 'srv-data.mount'" in found.remedy[1]
    data = (b"first line\r\n" + LOG_LINES).split(b"\n")
    for each in found.evidence:
        assert each.text in clean(data[each.line - 1])
    assert found.line in {each.line for each in found.evidence}


def test_what_was_over_says_so() -> None:
    printed, _ = SAMPLES["initramfs"]
    log = "".join(str(each) for each in printed) + "exit\r\n\r\ntgt01 login: "
    (found,) = of_log(log.encode())
    assert (found.code, found.ended) == ("InitramfsShell", True)


def test_a_healthy_log_gives_nothing() -> None:
    for name in ("boot", "uefi", "quoted"):
        log = b"".join(each if isinstance(each, bytes) else each.encode() for each in HEALTHY[name])
        assert of_log(log) == [], name


def test_logs_of_loggers() -> None:
    log = (
        b"Nov 21 10:00:00 tgt01 kernel: [    1.000000] Linux version 6.1.0\n"
        b"Nov 21 10:00:09 tgt01 systemd[1]: Dependency failed for /srv/data.\n"
        b"Nov 21 10:01:00 tgt01 kernel: [   61.000000] Out of memory: Killed process 412 (stress) a\n"
    )
    (found,) = of_log(log)
    assert (found.code, found.line, found.fields["process"]) == ("OutOfMemory", 3, "stress")
    assert log[found.offset or 0 :].startswith(b"[   61.000000] Out of memory")
    (found,) = of_log(b"[Fri Nov 21 10:00:00 2025] Kernel panic - not syncing: Fatal exception\n")
    assert (found.code, found.line) == ("KernelPanic", 1)
    assert of_log(b"2026-07-21T22:00:00+0200 h kernel: BUG: kernel NULL pointer dereference, address: 0\n")


def test_a_line_of_a_guest_is_a_text_too() -> None:
    assert [each.code for each in of_text("grub rescue>", "fr")] == ["GrubRescue"]
    assert of_text("grub rescue>", "fr")[0].title == "GRUB est dans son mode de secours"
    assert [each.code for each in of_text("Kernel panic - not syncing: Fatal exception")] == ["KernelPanic"]


def test_what_a_text_does_not_tell_is_an_ellipsis() -> None:
    told = of_code("VmNotRunning")
    assert "…" in told.message and "?" not in told.message
    (said,) = of_text("(VmNotRunning)", "nl")
    assert said.how == "code"
    assert said.message == of_code("VmNotRunning", "nl").message


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(("code", "device"), [("RootReadOnly", "/"), ("FsckQuestion", "?")])
def test_a_command_to_type_names_no_device_that_nobody_knows(locale: str, code: str, device: str) -> None:
    told = explain(Fault(code, device=device, question="y"), locale)
    assert device in told.message
    assert not any(f"-y {device}`" in step or f"/dev/{device}`" in step for step in told.remedy)
