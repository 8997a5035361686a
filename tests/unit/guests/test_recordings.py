"""Recordings and their labels as files, and that the corpus is what its README says."""

import lzma
from pathlib import Path

import pytest

from guests.broken import labels, recipes
from guests.broken.lab import PARTS
from guests.broken.machine import NotSeen, plain
from guests.broken.recording import END, PRINTED, RESET, SUFFIX, Event, Recording, RecordingError, load
from guests.broken.registry import HEALTHY, RECIPES, Recipe, Shows, part_of
from tests.corpus.measure import HERE, cases

__all__ = ["recipes"]

CORPUS_MAX = 3 * 2**20
CODES = {
    "KernelPanic", "KernelOops", "OutOfMemory", "InitramfsShell", "EmergencyMode", "FsckQuestion",
    "GrubRescue", "GrubPrompt", "GrubFileMissing", "NoBootableDevice", "DiskFull", "RootReadOnly",
    "CloudInitFailed", "LoginPromptMissing", "WindowsStopCode", "UefiBootFailed", "SacPrompt", "SacDisabled",
    "KernelDebuggerOnPort", "RebootLoop",
}  # fmt: skip


def _recording() -> Recording:
    made = Recording()
    made.printed(5, b"one\r\n")
    made.printed(9, b"two\no 3 4\n")
    made.printed(40, b"\x1b[1mthr\x1b[0mee\r\n")
    made.mark(RESET, 50)
    made.printed(60, b"four\r\n")
    made.mark(END, 99)
    return made


def test_a_recording_is_kept_to_the_byte(tmp_path: Path) -> None:
    made = _recording()
    made.save(tmp_path / "a.rec.xz")
    again = load(tmp_path / "a.rec.xz")
    assert again == made
    # What came together is one piece, at the time of its first byte.
    assert again.events[0] == Event(PRINTED, 5, b"one\r\ntwo\no 3 4\n")
    assert again.resets == [len(made.bytes) - 6]
    made.save(tmp_path / "b.rec.xz")
    assert (tmp_path / "a.rec.xz").read_bytes() == (tmp_path / "b.rec.xz").read_bytes()


@pytest.mark.parametrize(
    "content",
    [b"no xz", lzma.compress(b"else\n"), lzma.compress(b"outofband recording 1\nnonsense\n")],
)
def test_what_is_no_recording_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(RecordingError):
        load(tmp_path / "x")


def _recipe(*shows: Shows) -> Recipe:
    return Recipe("x", "X", "x", lambda _: None, shows)


def test_a_label_stands_where_the_bytes_are_whatever_the_terminal_sequences(tmp_path: Path) -> None:
    made = _recording()
    (label,) = labels.find(made, _recipe(Shows("X", rb"th(re)e", {"word": "$1"})))
    assert plain(made.bytes[label.offset : label.ends]) == b"three"
    assert (label.line, label.fields) == ("three", {"word": "re"})
    wanted = labels.Labelled('a "title"', "made", "back\\slash", True, (label,))
    labels.write(tmp_path / "x.toml", wanted)
    assert labels.read(tmp_path / "x.toml") == wanted


def test_a_label_belongs_to_a_boot_and_what_is_promised_must_be_there() -> None:
    made = _recording()
    (second,) = labels.find(made, _recipe(Shows("X", rb"[a-z]", nth=2)))
    assert second.offset == made.resets[0]
    assert labels.find(made, _recipe(Shows("X", rb"five", maybe=True))) == []
    with pytest.raises(NotSeen, match="does not show X"):
        labels.find(made, _recipe(Shows("X", rb"five")))


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_the_corpus_holds_every_failure_and_healthy_guests(part: str) -> None:
    shown, healthy = set[str](), 0
    for case in cases(part):
        data = case.recording.bytes
        healthy += not case.labelled.labels
        shown |= {label.code for label in case.labelled.labels if not label.open}
        for label in case.labelled.labels:
            assert 0 <= label.offset < label.ends <= len(data), case.name
            assert label.code in CODES, case.name
        recipe = RECIPES[case.name]
        assert part_of(case.name) == part, case.name
        assert case.labelled.simulated == recipe.simulated, case.name
        assert (recipe.family == HEALTHY) == all(label.open for label in case.labelled.labels), case.name
    assert shown == CODES
    assert healthy >= 4


def test_a_recording_has_its_recipe_and_all_is_small() -> None:
    names = [case.name for part in PARTS for case in cases(part)]
    assert len(set(names)) == len(names)
    assert set(names) <= set(RECIPES)
    assert sum(path.stat().st_size for path in HERE.rglob("*") if path.is_file()) < CORPUS_MAX
    assert not [path for path in HERE.rglob(f"*{SUFFIX}") if path.parent.name not in PARTS]
