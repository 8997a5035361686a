"""The report: every step is in it, hostile words stand in it as text, and it needs nothing else."""

from __future__ import annotations

from html.parser import HTMLParser

import msgspec
import pytest

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.locale import LOCALES
from outofband.rescue.course import State
from outofband.rescue.report import document, page
from outofband.rescue.run import Done, Found, Look, Probed, Run, Taken, Wanted, Wish, found
from outofband.rescue.runbook import EFFECTS, Deed, Step
from outofband.wire.remote import Word
from tests.unit.rescue.world import report

HOSTILE = "</pre><script>alert(1)</script>\x1b[2J\u202egnp.exe\"'&"
ABOUT = {"vm": HOSTILE, "id": "/vm", "name": "r", "who": HOSTILE, "when": "now"}


class Tags(HTMLParser):
    """Every element and address in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.depth += tag not in ("meta", "br")
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        self.depth -= 1


def run(locale: str) -> Run:
    wish = Wish(deed=Deed.RESTART, args={"x": HOSTILE}, asks=EFFECTS[Deed.RESTART].asks)
    hostile = Found(code="X", title=HOSTILE, message=HOSTILE, remedy=[HOSTILE], evidence={"log": [HOSTILE]})
    problem = found(Fault("VmStartFailed", detail=HOSTILE), locale)
    seen = msgspec.structs.replace(
        report(False),
        problem=Word(code="RdpNotSpoken", title=HOSTILE, message=HOSTILE),
        evidence={"rdp": {"sample": HOSTILE}},
    )
    done = Done(wish=wish, key="k", began=clock.iso(), ended=clock.iso(), observed=HOSTILE)
    failed = msgspec.structs.replace(done, problem=problem)
    taken = (
        Taken(step=Step.CONFIGURATION, look=Look(findings=(hostile,)), probe=Probed(outside=seen)),
        Taken(step=Step.RULES, look=Look(wish=wish), agreed=False),
        Taken(step=Step.NIC, look=Look(wish=wish), done=failed),
        Taken(step=Step.RESTART, look=Look(wish=wish), done=done, probe=Probed(outside=seen, host=seen)),
    )
    return Run(
        wanted=Wanted(locale=locale, user=HOSTILE),
        state=State.UNRESOLVED,
        address="203.0.113.7",
        before=Probed(outside=seen, findings=(hostile,)),
        taken=taken,
        client=seen,
        problem=hostile,
    )


@pytest.mark.parametrize("locale", LOCALES)
def test_the_page(locale: str) -> None:
    written = page(run(locale), ABOUT)
    tags = Tags()
    tags.feed(written)
    tags.close()
    assert tags.depth == 0, "every element is closed"
    assert "script" not in tags.tags and not tags.addresses
    for bad in ("<script", "\x1b", "\u202e", HOSTILE):
        assert bad not in written
    assert "&lt;script&gt;alert(1)" in written
    assert f'lang="{locale}"' in written
    assert written.count("<h2>") == 1 + 1 + 4 + 1


def test_the_document_has_every_step() -> None:
    told = document(run("en"))
    assert [each["number"] for each in told["steps"]] == list(range(1, 9))
    assert [each["state"] for each in told["steps"]] == ["over", "over", "waiting", "over"] + [
        "waiting"
    ] * 2 + [
        "over",
        "waiting",
    ]
    deeds = {each["number"]: each["deed"]["state"] for each in told["steps"] if each["deed"]}
    assert deeds == {2: "declined", 4: "failed", 7: "done"}
    assert (told["outcome"], told["question"], told["probe"]["works"]) == ("unresolved", None, False)
    assert [each["step"] for each in told["findings"]] == [0, 1, 4]


def test_a_run_is_kept_whole() -> None:
    one = run("en")
    assert msgspec.json.decode(msgspec.json.encode(one), type=Run) == one
    assert msgspec.convert(msgspec.to_builtins(one), Run) == one
