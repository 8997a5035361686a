"""The first person: made once, with a password that is in a file for as long as it is of use."""

from __future__ import annotations

import stat
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from outofband.core.errors import Fault
from outofband.identity import bootstrap, first_user
from outofband.store.people import User
from tests.support.users import CHEAP, cheap_passwords
from tests.unit.identity.conftest import OWNER, VISITOR, Started

pytestmark = pytest.mark.anyio
ADMIN = "admin@outofband.local"


async def ensure(started: Started, now: datetime, file: Path) -> list[User]:
    """The people there are afterwards."""
    await first_user.ensure(
        started.store,
        cheap_passwords(),
        file,
        tenant_id=started.first.tenant_id,
        owner_role=OWNER,
        by=bootstrap.SYSTEM,
        now=now,
    )
    async with started.store.read() as tx:
        return await started.store.people.of_tenant(tx, started.first.tenant_id)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "client" / "first-password"


async def test_the_first_start_makes_an_owner_of_everything(
    started: Started, now: datetime, file: Path
) -> None:
    [admin] = await ensure(started, now, file)
    assert (admin.name, admin.must_change, admin.disabled) == (ADMIN, True, False)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().strip() not in str(admin.password_hash)
    async with started.store.read() as tx:
        [assignment] = await started.store.assignments.of_principals(tx, [admin.object_id])
    assert (assignment.scope, assignment.role_id, assignment.principal_type) == ("/", OWNER, "User")
    password = file.read_text().strip()
    who, _ = await started.authority.sign_in.enter(
        "admin", password, tenant="organizations", visitor=VISITOR, now=now
    )
    assert who.user == admin


async def test_later_starts_change_nothing(started: Started, now: datetime, file: Path) -> None:
    people, kept = await ensure(started, now, file), file.read_text()
    assert await ensure(started, now, file) == people
    assert file.read_text() == kept
    file.unlink()  # shown by `oob up`
    assert await ensure(started, now, file) == people
    assert not file.exists()


@pytest.mark.parametrize(
    "content", [None, "", "short", "aaaaa-aaaaa-aaaaa-aaaaa-aaaaa", "Ijlo0-aaaaa-aaaaa-aaaaa"]
)
async def test_a_file_that_is_not_ours_is_not_believed(
    started: Started, now: datetime, file: Path, content: str | None
) -> None:
    if content is not None:
        file.parent.mkdir()
        file.write_text(content)
    await ensure(started, now, file)
    assert file.read_text().strip() != content


async def test_a_kill_between_file_and_row_is_put_right(started: Started, now: datetime, file: Path) -> None:
    kept = first_user._password(file)
    [admin] = await ensure(started, now, file)
    assert file.read_text().strip() == kept
    assert CHEAP.verify(str(admin.password_hash), kept)


@pytest.mark.parametrize("what", ["changed", "reset", "removed"])
async def test_a_file_that_is_of_no_use_goes(started: Started, now: datetime, file: Path, what: str) -> None:
    [admin] = await ensure(started, now, file)
    people = started.store.people
    async with started.store.write() as tx:
        match what:
            case "changed":
                await people.set_password(tx, admin.object_id, CHEAP.hash("x"), must_change=False, now=now)
            case "reset":
                await people.set_password(tx, admin.object_id, CHEAP.hash("x"), must_change=True, now=now)
            case "removed":
                other = msgspec.structs.replace(admin, object_id="b", name="bob@outofband.local")
                await people.add(tx, other)
                await people.remove(tx, admin.object_id)
    await ensure(started, now, file)
    assert not file.exists()


async def test_an_older_tenant_is_given_a_domain(started: Started, now: datetime, tmp_path: Path) -> None:
    """As a store that was made before there were people has none."""
    async with started.store.write() as tx:
        await started.store.directory.set_domain(tx, started.first.tenant_id, None)  # type: ignore[arg-type]
    await bootstrap.ensure(started.store, tmp_path / "secret", owner_role=OWNER, now=now)
    async with started.store.read() as tx:
        tenant = await started.store.directory.tenant(tx, started.first.tenant_id)
    assert tenant is not None and tenant.domain == "outofband.local"


async def test_somebody_who_must_change_the_password_cannot_skip_it(
    started: Started, now: datetime, file: Path
) -> None:
    await ensure(started, now, file)
    password = file.read_text().strip()
    who, _ = await started.authority.sign_in.enter(
        "admin", password, tenant="organizations", visitor=VISITOR, now=now
    )
    with pytest.raises(Fault, match="PasswordRefused"):
        await started.authority.sign_in.change_password(
            who, password, password, password, visitor=VISITOR, now=now
        )
