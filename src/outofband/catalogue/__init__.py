"""F1: what every failure means: code, title, message, cause, remedy. May import core.

A folder a language, a TOML file an area; every tower reads the same ones.
"""

from outofband.catalogue.entries import Entry, Explained, codes, entry, explain, translations

__all__ = ["Entry", "Explained", "codes", "entry", "explain", "translations"]
