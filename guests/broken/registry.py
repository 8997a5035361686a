"""The recipes by name, what each is known to show, and which part of the corpus it belongs to."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from guests.broken.lab import HELD_OUT, KNOWN, Lab

SEED: Final = 20261127
"""Of the split, chosen before there were rules: no recipe moves because of what a rule makes of it."""
HEALTHY: Final = "Healthy"


@dataclass(frozen=True)
class Shows:
    """A failure that a recording shows once the guest printed `text` (a regular expression over what it
    printed without terminal sequences), in every boot that has it.

    `maybe`: it depends on the moment whether it is printed. `open`: one may call it so or not; a detector is
    neither asked for it nor blamed.
    """

    code: str
    text: bytes
    fields: dict[str, str] = field(default_factory=dict)
    maybe: bool = False
    open: bool = False
    nth: int = 1
    """Which boot is the first that counts: a loop is none at its first reset."""


@dataclass(frozen=True)
class Recipe:
    """`family` is the code that it is there for, or `Healthy`."""

    name: str
    family: str
    title: str
    make: Callable[[Lab], None]
    shows: tuple[Shows, ...]
    simulated: bool = False
    part: str = ""
    """Where it is, for those that came after the rules; the others are dealt out."""


ANYWHERE: Final = (
    Shows(
        "LoginPromptMissing",
        rb"Dependency failed for [^\r\n]*serial-getty@ttyS0[^\r\n]*\r?\n",
        maybe=True,
        open=True,
    ),
)
"""What may happen to any guest on a machine with much to do: its port was not there in time."""
MOVED: Final = {"panic-trigger"}
"""Held out once, until a rule was mended because of it; the README tells which took its place."""
RECIPES: Final[dict[str, Recipe]] = {}


def recipe(
    name: str, family: str, *shows: Shows, simulated: bool = False, part: str = ""
) -> Callable[[Callable[[Lab], None]], Callable[[Lab], None]]:
    """Declare a function as a recipe; its docstring is the title."""

    def declare(make: Callable[[Lab], None]) -> Callable[[Lab], None]:
        title = " ".join((make.__doc__ or "").split()).rstrip(".")
        RECIPES[name] = Recipe(name, family, title, make, shows, simulated, part)
        return make

    return declare


def part_of(name: str) -> str:
    """The part of the corpus that the recipe belongs to: a shuffle per family, dealt out by turns."""
    if name in MOVED:
        return KNOWN
    if RECIPES[name].part:
        return RECIPES[name].part
    family = RECIPES[name].family
    names = sorted(other for other, each in RECIPES.items() if each.family == family and not each.part)
    random.Random(f"{SEED}/{family}").shuffle(names)  # noqa: S311 - no secret
    return (KNOWN, HELD_OUT)[names.index(name) % 2]
