"""F1: what every failure means: code, title, message, cause, remedy. May import core.

A folder a language, a TOML file an area; every tower reads the same ones.
"""

from outofband.catalogue.entries import Entry, Explained, codes, entry, explain, outline, translations
from outofband.catalogue.match import How, Match, match

__all__ = [
    "Entry",
    "Explained",
    "How",
    "Match",
    "codes",
    "entry",
    "explain",
    "match",
    "outline",
    "translations",
]
