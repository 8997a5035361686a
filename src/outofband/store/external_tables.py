"""The schema of signing in through providers of others (ADR 24).

provider (of a tenant) -> identities: who is who there, linked to a user
                       -> memberships that it gave
                       -> sign-ins that are under way
"""

from __future__ import annotations

import sqlalchemy as sa

from outofband.store.columns import Json, Key, Moment, Text
from outofband.store.tables import metadata

identity_providers = sa.Table(
    "identity_providers",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("tenant_id", Text, sa.ForeignKey("tenants.id"), nullable=False),
    sa.Column("name", Text, nullable=False),
    sa.Column("name_key", Key, nullable=False),
    sa.Column("issuer", Text, nullable=False),
    sa.Column("client_id", Text, nullable=False),
    # The client secret, encrypted; NULL: a public client, which has PKCE alone.
    sa.Column("secret", sa.LargeBinary),
    sa.Column("wrap", Text, nullable=False, server_default=sa.text("'none'")),
    sa.Column("settings", Json, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("created", Moment, nullable=False),
    sa.Column("changed", Moment, nullable=False),
    sa.Column("changed_by", Text, nullable=False),
    sa.UniqueConstraint("tenant_id", "name_key", name="uq_identity_providers_name"),
)

# Who is who: `issuer` and `subject` together. Without a subject it is an invitation: the first who comes with
# this verified address is it.
external_identities = sa.Table(
    "external_identities",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column(
        "provider_id",
        Text,
        sa.ForeignKey("identity_providers.id", ondelete="CASCADE"),
        nullable=False,
    ),
    sa.Column(
        "object_id", Text, sa.ForeignKey("users.object_id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("issuer", Text, nullable=False),
    sa.Column("subject", Text),
    sa.Column("email_key", Text),
    # How it is called there, for people to read.
    sa.Column("label", Text, nullable=False),
    sa.Column("linked", Moment, nullable=False),
    sa.Column("linked_by", Text, nullable=False),
    sa.Column("last_used", Moment),
    sa.UniqueConstraint("provider_id", "issuer", "subject", name="uq_external_identities_subject"),
    sa.UniqueConstraint("provider_id", "issuer", "email_key", name="uq_external_identities_email"),
)

# Which memberships a provider gave, and may take away again. The membership itself is in `group_members`.
external_memberships = sa.Table(
    "external_memberships",
    metadata,
    sa.Column("group_id", Text, sa.ForeignKey("groups.object_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("member_id", Text, sa.ForeignKey("users.object_id", ondelete="CASCADE"), primary_key=True),
    sa.Column(
        "provider_id",
        Text,
        sa.ForeignKey("identity_providers.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Index("ix_external_memberships_member", "member_id"),
)

# A browser that was sent to a provider and is to come back. Code verifier and nonce are not here: they are
# made of the browser's own secret.
external_sign_ins = sa.Table(
    "external_sign_ins",
    metadata,
    sa.Column("digest", Text, primary_key=True),
    sa.Column(
        "provider_id",
        Text,
        sa.ForeignKey("identity_providers.id", ondelete="CASCADE"),
        nullable=False,
    ),
    sa.Column("browser", Text, nullable=False),
    sa.Column("aim", Text, nullable=False),
    sa.Column("session_id", Text, sa.ForeignKey("sign_in_sessions.id", ondelete="CASCADE"), index=True),
    sa.Column("mfa", sa.Boolean, nullable=False),
    sa.Column("back", Text, nullable=False),
    sa.Column("created", Moment, nullable=False),
    sa.Column("expires", Moment, nullable=False, index=True),
)
