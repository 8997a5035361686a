"""The soak suite uses the houses of the peer tests."""

from tests.peers.conftest import demo_guest, house

__all__ = ["demo_guest", "house"]
