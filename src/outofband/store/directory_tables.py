"""The schema of the directory beside people: applications with what proves them, groups, custodians.

application (app_id) -> its service principal, which is in `tables`
                     -> secrets and certificates, each held by the one or by the other
group -> members: users, service principals, groups
"""

from __future__ import annotations

import sqlalchemy as sa

from outofband.store.columns import Json, Moment, Text
from outofband.store.tables import metadata

applications = sa.Table(
    "applications",
    metadata,
    sa.Column("object_id", Text, primary_key=True),
    sa.Column("app_id", Text, nullable=False, unique=True),
    sa.Column("tenant_id", Text, sa.ForeignKey("tenants.id"), nullable=False, index=True),
    sa.Column("name", Text, nullable=False),
    # What clients keep with an application and nothing here acts on.
    sa.Column("manifest", Json, nullable=False),
    sa.Column("created", Moment, nullable=False),
)

client_secrets = sa.Table(
    "client_secrets",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column(
        "app_id",
        Text,
        sa.ForeignKey("applications.app_id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    # Object id of the application or of its service principal: clients list the two apart.
    sa.Column("object_id", Text, nullable=False),
    sa.Column("label", Text, nullable=False),
    # The first characters of the secret, by which a person knows it again.
    sa.Column("hint", Text, nullable=False),
    sa.Column("digest", Text, nullable=False),
    sa.Column("created", Moment, nullable=False),
    sa.Column("begins", Moment),
    sa.Column("expires", Moment),
)

client_certificates = sa.Table(
    "client_certificates",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column(
        "app_id",
        Text,
        sa.ForeignKey("applications.app_id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("object_id", Text, nullable=False),
    sa.Column("label", Text, nullable=False),
    # `x5t` and `x5t#S256` of RFC 7515: of the certificate's DER, base64url without padding.
    sa.Column("thumbprint", Text, nullable=False),
    sa.Column("thumbprint_sha256", Text, nullable=False),
    sa.Column("certificate", Text, nullable=False),
    sa.Column("created", Moment, nullable=False),
    sa.Column("begins", Moment, nullable=False),
    sa.Column("expires", Moment, nullable=False),
    sa.UniqueConstraint("object_id", "thumbprint_sha256", name="uq_client_certificates_thumbprint"),
)

groups = sa.Table(
    "groups",
    metadata,
    sa.Column("object_id", Text, primary_key=True),
    sa.Column("tenant_id", Text, sa.ForeignKey("tenants.id"), nullable=False, index=True),
    sa.Column("name", Text, nullable=False),
    sa.Column("mail_nickname", Text, nullable=False),
    sa.Column("description", Text),
    sa.Column("created", Moment, nullable=False),
)

# `member_id` is of a table that `member_type` names: whoever removes a row there removes it here too.
group_members = sa.Table(
    "group_members",
    metadata,
    sa.Column("group_id", Text, sa.ForeignKey("groups.object_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("member_id", Text, primary_key=True),
    sa.Column("member_type", Text, nullable=False),
    sa.Column("added", Moment, nullable=False),
    sa.Index("ix_group_members_member", "member_id", "group_id"),
)

# Who looks after an application, a program or a group. It is a note for people: no right comes of it.
custodians = sa.Table(
    "custodians",
    metadata,
    sa.Column("object_id", Text, primary_key=True),
    sa.Column("owner_id", Text, primary_key=True),
    sa.Column("added", Moment, nullable=False),
    sa.Index("ix_custodians_owner", "owner_id"),
)
