"""Explaining over HTTP: for whoever is signed in, in his language, whatever he pastes."""

from __future__ import annotations

import pytest

from outofband.access import roles
from tests.support.cloud import GROUP_ID, Cloud

pytestmark = pytest.mark.anyio
PATH = "/catalogue/explain"


async def test_a_text_is_explained_in_the_readers_language(cloud: Cloud) -> None:
    reader = await cloud.person("reader", roles.READER, GROUP_ID)
    for language, title in (("en", "GRUB is in its rescue mode"), ("nl-BE", "GRUB is in zijn reddingsmodus")):
        answer = await reader.ask(
            "POST", PATH, {"text": "grub rescue>"}, version=None, headers={"Accept-Language": language}
        )
        assert answer.status_code == 200, answer.text
        (found,) = answer.json()["value"]
        assert (found["code"], found["title"], found["line"]) == ("GrubRescue", title, 1)
        assert answer.headers["cache-control"] == "no-store"
    answer = await reader.ask("POST", PATH, {"text": "cannot unscramble eggs"}, version=None)
    assert answer.json() == {"value": []}


async def test_it_takes_a_token_and_a_text_within_bounds(cloud: Cloud) -> None:
    answer = await cloud.http.post(PATH, json={"text": "x"})
    assert answer.status_code == 401
    reader = await cloud.person("reader", roles.READER, GROUP_ID)
    answer = await reader.ask("POST", PATH, {"words": "x"}, version=None)
    assert answer.status_code == 400
    answer = await reader.ask("POST", PATH, {"text": "x" * 300_000}, version=None)
    assert answer.status_code == 413
