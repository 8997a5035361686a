"""The 401 that asks for more claims: as Azure's clients read it, and as ours do."""

from __future__ import annotations

import base64
import json
import re

import pytest

from outofband.wire.claims import MAX_CLAIMS, MFA, insufficient_claims, wanted


def test_what_is_written_is_read() -> None:
    header = insufficient_claims(MFA, authorization_uri="https://a.example/t", description='say "no" \\ \n é')
    assert wanted(header) == MFA
    assert header.startswith("Bearer ")
    assert 'error_description="say no   "' in header


def test_a_reader_of_bearer_challenges_finds_it() -> None:
    """As azure-core's policy does: parameters in quotes, base64url with or without its padding."""
    header = insufficient_claims({"access_token": {"nbf": {"essential": True, "value": "1"}}})
    scheme, _, rest = header.partition(" ")
    assert scheme == "Bearer"
    found = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    assert found["error"] == "insufficient_claims"
    text = found["claims"]
    assert json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))) == {
        "access_token": {"nbf": {"essential": True, "value": "1"}}
    }


@pytest.mark.parametrize(
    "header",
    [
        "",
        'Bearer error="invalid_token", claims="e30"',
        'Bearer error="insufficient_claims"',
        'Bearer error="insufficient_claims", claims="!!!"',
        'Bearer error="insufficient_claims", claims="W10"',
        'Bearer error="insufficient_claims", claims="A"',
        'Bearer error="insufficient_claims", claims="' + "W" * (MAX_CLAIMS + 1) + '"',
    ],
)
def test_what_is_no_challenge_is_none(header: str) -> None:
    assert wanted(header) is None
