"""The audit log over HTTP: verified by whoever may read it, from where each request really came."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from outofband.access import roles
from outofband.store import tables
from outofband.wire.audit import chain, lines
from outofband.wire.audit.verify import Report, Verifier, What
from tests.support.cloud import GROUP_ID, OTHER_TENANT, Cloud, Person

pytestmark = pytest.mark.anyio
GROUP_VERSION = "2021-04-01"


async def verified(person: Person, **query: str) -> Report:
    keys = (await person.get("/audit/keys", version=None)).json()["keys"]
    verifier = Verifier({each["kid"]: chain.public_key(each["jwk"]) for each in keys})
    answer = await person.get("/audit/export", version=None, **query)
    assert answer.status_code == 200, answer.text
    for line in answer.content.splitlines():
        verifier.feed(lines.read(line))
    return verifier.report()


@pytest.fixture
async def boss(cloud: Cloud) -> Person:
    return await cloud.person("boss", roles.OWNER, "/")


async def test_the_log_is_whole_until_somebody_touches_it(cloud: Cloud, boss: Person) -> None:
    before = (await verified(boss)).records
    await boss.ask("PUT", f"{GROUP_ID}x", {"location": "local"}, version=GROUP_VERSION)
    report = await verified(boss)
    assert report.complete, report.problems
    assert report.records > before and report.nodes[0].unsigned == 0
    async with cloud.store.write() as tx:
        await tx.change(sa.delete(tables.activity).where(tables.activity.c.number == before))
    [problem] = (await verified(boss)).problems
    assert (problem.what, problem.first, problem.last) == (What.MISSING, before, before)


async def test_to_read_it_takes_the_right_to_read_the_log_of_the_tenant(cloud: Cloud, boss: Person) -> None:
    small = await cloud.person("small", roles.OWNER, GROUP_ID)
    for path in ("/audit/export", "/audit/keys"):
        answer = await small.get(path, version=None)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "AuthorizationFailed")
        answer = await cloud.http.get(path)
        assert answer.status_code == 401
    events = await boss.get(
        "/providers/Microsoft.Insights/eventtypes/management/values",
        version="2015-04-01",
        **{"$filter": "operations eq 'Microsoft.Insights/eventtypes/export/action'"},
    )
    refused = [each for each in events.json()["value"] if each["claims"]["oid"] == small.object_id]
    assert [each["subStatus"]["value"] for each in refused] == ["AuthorizationFailed"]


async def test_other_tenants_are_a_wall(cloud: Cloud, boss: Person) -> None:
    there = await cloud.person("there", roles.OWNER, "/", tenant=OTHER_TENANT)
    await there.get("/audit/export", version=None)
    told = (await boss.get("/audit/export", version=None)).text
    assert there.object_id not in told and "there" not in told
    assert (await verified(boss)).complete and (await verified(there)).complete


@pytest.mark.parametrize("query", [{"from": "yesterday"}, {"to": "2026-02-30"}])
async def test_a_day_is_a_day(boss: Person, query: dict[str, str]) -> None:
    answer = await boss.get("/audit/export", version=None, **query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidParameter")


async def test_a_part_is_verified_by_itself(boss: Person) -> None:
    report = await verified(boss, **{"from": "2020-01-01", "to": "2100-01-01"})
    assert report.complete and report.records > 0
    assert (await verified(boss, **{"from": "2100-01-01"})).records == 0
