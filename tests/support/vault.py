"""The master key of every store in tests, so that a copied database opens wherever it lies."""

from __future__ import annotations

from outofband.store.master_keys import KeyText

TEST_KEYS = KeyText("0f" * 32, "the tests' own key")
