"""Puts service principals into the store of a control plane that is shut: `python -m tests.support.townhall`.

Reads its wishes as JSON from standard input and answers on standard output, so no secret is in an argument.
"""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from pathlib import Path
from typing import Any

from joserfc import jwt

from outofband.core import clock, secrets
from outofband.identity.keys import Keys, KeyUse
from outofband.store.assignments import Assignment
from outofband.store.master_keys import KeyFile
from outofband.store.principals import ServicePrincipal
from outofband.store.store import Store

TWO_HOURS = 7200


async def add(store: Store, wanted: dict[str, Any], name: str, role: str) -> dict[str, str]:
    row = ServicePrincipal(
        object_id=str(uuid.uuid4()),
        app_id=str(uuid.uuid4()),
        tenant_id=wanted["tenant"],
        name=name,
        disabled=False,
        created=clock.now(),
    )
    async with store.write() as tx:
        await store.principals.add(tx, row)
        # Some secrets begin with a dash by chance, and command lines take those for options.
        given = f"-{secrets.token()}" if name in wanted.get("dashed", ()) else None
        _, secret = await store.principals.add_secret(
            tx, row.object_id, label="test", now=clock.now(), secret=given
        )
        if role:
            assignment = Assignment(
                tenant_id=wanted["tenant"],
                name=str(uuid.uuid4()),
                scope=wanted["scope"],
                role_id=role,
                principal_id=row.object_id,
                principal_type="ServicePrincipal",
                created=clock.now(),
                created_by="test",
            )
            await store.assignments.add(tx, assignment)
    return {"client": row.app_id, "object": row.object_id, "secret": secret}


async def expired_token(store: Store, wanted: dict[str, Any]) -> str:
    """A token this control plane might have given to its first client two hours ago."""
    async with store.read() as tx:
        client = await store.principals.by_app(tx, wanted["client"])
    assert client is not None
    key = await Keys(store).signing(KeyUse.TOKEN, clock.now())
    past = int(clock.wall()) - TWO_HOURS
    claims = {
        "aud": wanted["arm"],
        "iss": f"{wanted['arm']}/{wanted['tenant']}/v2.0",
        "iat": past,
        "nbf": past,
        "exp": past + 3599,
        "tid": wanted["tenant"],
        "oid": client.object_id,
        "sub": client.object_id,
        "appid": client.app_id,
        "azp": client.app_id,
        "app_displayname": client.name,
        "idtyp": "app",
        "uti": uuid.uuid4().hex,
        "ver": "2.0",
    }
    return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key, algorithms=["RS256"])


async def main() -> None:
    wanted = json.load(sys.stdin)
    database = Path(wanted["database"])
    store = await Store.open(f"sqlite:///{database}", KeyFile(database.with_name("vault.key")))
    try:
        people = {name: await add(store, wanted, name, role) for name, role in wanted["people"].items()}
        json.dump({"people": people, "expired": await expired_token(store, wanted)}, sys.stdout)
    finally:
        await store.close()


if __name__ == "__main__":
    asyncio.run(main())
