"""SHA-512 crypt against its published examples, and against what may stand in a file that others wrote."""

import pytest

from guests.password import hashed, matches

# From the appendix of "Unix crypt using SHA-256 and SHA-512"; the other examples name a number of rounds.
PUBLISHED = (
    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
)


def test_published_example() -> None:
    assert hashed("Hello world!", "saltstring") == PUBLISHED
    assert matches("Hello world!", PUBLISHED)


def test_every_hash_has_a_salt_of_its_own_and_matches_its_password_alone() -> None:
    entry = hashed("correct horse")
    assert entry != hashed("correct horse")
    assert matches("correct horse", entry)
    assert not matches("correct horsf", entry)
    assert not matches("", entry)


@pytest.mark.parametrize(
    "entry", ["", "*", "!", "$5$salt$abc", "$6$", "$6$s:lt$abc", "$6$rounds=1000$salt$x"]
)
def test_anything_else_matches_nothing(entry: str) -> None:
    assert not matches("secret", entry)
