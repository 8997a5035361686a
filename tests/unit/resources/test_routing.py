"""Paths and what they mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.core.errors import Fault
from outofband.core.ids import parse_id
from outofband.resources.declaration import Place
from outofband.resources.polling import is_poll
from outofband.resources.registry import node_of, place_of
from outofband.resources.routing import route

VM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v"


@pytest.mark.parametrize(
    ("path", "rid", "collection", "tail"),
    [
        ("/", "/", None, None),
        ("/subscriptions", "/", "Microsoft.Resources/subscriptions", "subscriptions"),
        ("/subscriptions/s", "/subscriptions/s", None, None),
        (
            "/subscriptions/s/resourcegroups",
            "/subscriptions/s",
            "Microsoft.Resources/resourcegroups",
            "resourcegroups",
        ),
        ("/SUBSCRIPTIONS/s/ResourceGroups/g/", "/subscriptions/s/resourceGroups/g", None, None),
        ("/subscriptions/s/providers", "/subscriptions/s", "Microsoft.Resources/providers", "providers"),
        ("/providers/N/t", "/", "N/t", None),
        ("/subscriptions/s/providers/N/t", "/subscriptions/s", "N/t", None),
        (VM, VM, None, None),
        (f"{VM}/start", VM, "Microsoft.Compute/virtualMachines/start", "start"),
        (f"{VM}/providers/N/t", VM, "N/t", None),
        (f"{VM}/providers/N/t/0/go", f"{VM}/providers/N/t/0", "N/t/go", "go"),
        ("/subscriptions/s/providers/N/a/b/c", "/subscriptions/s/providers/N/a/b", "N/a/c", "c"),
        (VM.replace("/virtualMachines/", "/virtualMachines%2F"), VM, None, None),
        (f"{VM}x/y".replace("x/y", "%2Fstart"), VM, "Microsoft.Compute/virtualMachines/start", "start"),
    ],
)
def test_meaning(path: str, rid: str, collection: str | None, tail: str | None) -> None:
    found = route(path)
    assert (str(found.rid), found.collection, found.tail) == (rid, collection, tail)


def test_a_resource_may_be_called_like_a_keyword() -> None:
    for name in ("providers", "subscriptions", "resourceGroups"):
        assert route(VM[:-1] + name).rid.name == name
        assert route(f"{VM[:-1]}{name}/start").tail == "start"


@pytest.mark.parametrize(
    "path",
    [
        "/x/y",
        "/subscriptions/s/x/y",
        f"{VM}/../..",
        f"{VM}/a%20b",
        f"{VM}/%00",
        "/subscriptions/s/%2e%2e",
        f"/{'x' * 3000}",
    ],
)
def test_nonsense(path: str) -> None:
    with pytest.raises(Fault, match="InvalidResourceId"):
        route(path)


@given(st.text(alphabet="/abprovidersug%2F.é\x00 ", max_size=120))
def test_any_text_is_a_route_or_a_fault(path: str) -> None:
    try:
        found = route(path)
    except Fault as fault:
        assert fault.code == "InvalidResourceId"
    else:
        assert parse_id(str(found.rid)) == found.rid


@pytest.mark.parametrize(
    ("rid", "hangs_on", "node"),
    [
        ("/", Place.TENANT, Place.TENANT),
        ("/subscriptions/s", Place.TENANT, Place.SUBSCRIPTION),
        ("/subscriptions/s/resourceGroups/g", Place.SUBSCRIPTION, Place.GROUP),
        (VM, Place.GROUP, Place.RESOURCE),
        ("/subscriptions/s/providers/N/t/x", Place.SUBSCRIPTION, Place.RESOURCE),
        (f"{VM}/providers/N/t/x", Place.RESOURCE, Place.RESOURCE),
        ("/providers/N/t/x", Place.TENANT, Place.RESOURCE),
    ],
)
def test_places(rid: str, hangs_on: Place, node: Place) -> None:
    assert (place_of(parse_id(rid)), node_of(parse_id(rid))) == (hangs_on, node)


def test_polls() -> None:
    at = "/subscriptions/s/providers/Microsoft.Compute/locations/local"
    assert is_poll(parse_id(f"{at}/operations/x"))
    assert is_poll(parse_id(f"{at}/OPERATIONRESULTS/x"))
    assert not is_poll(parse_id(f"{at}/usages/x"))
    assert not is_poll(parse_id("/providers/N/locations/l/operations/x"))
