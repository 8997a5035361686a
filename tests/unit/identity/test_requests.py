"""Where a request comes from, as limits see it."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pytest

from outofband.identity.clients import CLI
from outofband.identity.oauth import OAuthFault
from tests.unit.identity.conftest import BASE, VISITOR, Started
from tests.unit.identity.flows import SCOPE


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_what_limits_count_by(address: str, source: str) -> None:
    assert msgspec.structs.replace(VISITOR, address=address).source == source


@pytest.mark.anyio
async def test_more_addresses_of_one_network_are_not_more_tries(started: Started, now: datetime) -> None:
    async def begin(address: str) -> bool:
        visitor = msgspec.structs.replace(VISITOR, address=address)
        form = {"client_id": CLI.id, "scope": SCOPE}
        answer = await started.authority.begin_device(form, "common", base=BASE, now=now, visitor=visitor)
        return not isinstance(answer, OAuthFault)

    assert all([await begin(f"2001:db8::{number:x}") for number in range(20)])
    assert not await begin("2001:db8::ffff")
    assert await begin("2001:db8:0:1::1")
