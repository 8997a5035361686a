"""Sign-ins in the activity log: who came, who failed, who left, from where. The rows are the tenant's; they
belong to no subscription.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from outofband.core.ids import ResourceId
from outofband.core.principal import Principal, PrincipalKind
from outofband.identity.requests import Visitor
from outofband.store.people import User
from outofband.store.store import Store
from outofband.store.tx import Tx

NAMESPACE, KIND = "Microsoft.Directory", "users"
UNKNOWN = "unknown"
"""Stands for a name that nobody has. What was typed is not written down: people type passwords there too."""


class Act(enum.StrEnum):
    SIGN_IN = "signIn"
    SIGN_OUT = "signOut"
    LOCK = "lock"
    CHANGE_PASSWORD = "changePassword"  # noqa: S105 - a word, no secret
    ALLOW_DEVICE = "allowDevice"
    DENY_DEVICE = "denyDevice"
    END_SESSION = "endSession"
    """A code or a refresh token was used twice, or somebody who manages people ended it."""
    STEP_UP = "stepUp"
    """More was proved in a session that was there."""
    ADD_FACTOR = "addFactor"
    RENAME_FACTOR = "renameFactor"
    REMOVE_FACTOR = "removeFactor"
    NEW_CODES = "newRecoveryCodes"
    SET_POLICY = "setSignInPolicy"
    LINK = "linkIdentity"
    UNLINK = "unlinkIdentity"
    CHANGE_GROUPS = "changeGroups"
    """A provider said so, at a sign-in that a second factor had still to complete."""

    @property
    def action(self) -> str:
        return f"{NAMESPACE}/{KIND}/{self}/action"


class SignInTrail:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def note(
        self,
        tx: Tx,
        act: Act,
        user: User | None,
        *,
        tenant_id: str,
        visitor: Visitor,
        now: datetime,
        failed: str | None = None,
        app_id: str = "",
        properties: dict[str, Any] | None = None,
    ) -> None:
        """One row. `user` is None when nobody has the name; `failed` is the code of a refusal."""
        object_id = user.object_id if user is not None else UNKNOWN
        await self._store.activity.add(
            tx,
            now=now,
            principal=Principal(
                tenant=tenant_id,
                object_id=object_id,
                app_id=app_id,
                kind=PrincipalKind.USER,
                name=user.name if user is not None else UNKNOWN,
                expires=0.0,
            ),
            resource=ResourceId(namespace=NAMESPACE, chain=((KIND, object_id),)),
            action=act.action,
            status="Succeeded" if failed is None else "Failed",
            sub_status=failed or "",
            correlation_id=visitor.correlation_id,
            client_address=visitor.address,
            method="POST",
            properties={"agent": visitor.agent, **(properties or {})},
        )
