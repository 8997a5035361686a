"""F1: what every failure means: code, title, message, cause, remedy. May import core.

A folder a language, a TOML file an area; every tower reads the same ones. Sentences inside of messages and
beside them are in words.toml.
"""

from outofband.catalogue.entries import Entry, Explained, codes, entry, explain, outline, translations
from outofband.catalogue.match import How, Match, match
from outofband.catalogue.words import Words, say, verbatim

__all__ = [
    "Entry",
    "Explained",
    "How",
    "Match",
    "Words",
    "codes",
    "entry",
    "explain",
    "match",
    "outline",
    "say",
    "translations",
    "verbatim",
]
