"""The schema as it is now. `migrations/` leads an older database here; a test holds the two together.

Columns named `*_key` hold a lower-cased id: ARM compares ids without case and echoes them with it.
"""

from __future__ import annotations

import sqlalchemy as sa

from outofband.store.columns import Json, Key, Moment, Sequence, Text, sealed

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

tenants = sa.Table(
    "tenants",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("name", Text, nullable=False),
    sa.Column("domain", Text, unique=True),
    sa.Column("created", Moment, nullable=False),
)

subscriptions = sa.Table(
    "subscriptions",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("tenant_id", Text, sa.ForeignKey("tenants.id"), nullable=False, index=True),
    sa.Column("name", Text, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("created", Moment, nullable=False),
)

service_principals = sa.Table(
    "service_principals",
    metadata,
    sa.Column("object_id", Text, primary_key=True),
    sa.Column("app_id", Text, nullable=False, unique=True),
    sa.Column("tenant_id", Text, sa.ForeignKey("tenants.id"), nullable=False, index=True),
    sa.Column("name", Text, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("created", Moment, nullable=False),
    # How often something was taken away that tokens stood for, and which are over (store/generations.py).
    sa.Column("generation", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("floor", sa.Integer, nullable=False, server_default=sa.text("0")),
)

signing_keys = sa.Table(
    "signing_keys",
    metadata,
    sa.Column("kid", Text, primary_key=True),
    sa.Column("use", Text, nullable=False),
    sa.Column("algorithm", Text, nullable=False),
    sa.Column("public", Json, nullable=False),
    # Wrapped with a master key (store.vault); "none": in clear, by an earlier version.
    *sealed("private"),
    sa.Column("created", Moment, nullable=False),
    sa.Column("active_from", Moment, nullable=False),
    sa.Column("retired", Moment),
    sa.Column("expires", Moment),
    sa.Index("ix_signing_keys_use", "use", "active_from"),
)

role_assignments = sa.Table(
    "role_assignments",
    metadata,
    # The id below the tenant's: every tenant has a `/` of its own, and may use any name there.
    sa.Column("key", Key, primary_key=True),
    sa.Column("tenant_id", Text, nullable=False, server_default=sa.text("''")),
    sa.Column("name", Text, nullable=False),
    sa.Column("scope", Text, nullable=False),
    sa.Column("scope_key", Key, nullable=False),
    sa.Column("role_id", Text, nullable=False),
    sa.Column("principal_id", Text, nullable=False),
    sa.Column("principal_type", Text, nullable=False),
    sa.Column("created", Moment, nullable=False),
    sa.Column("created_by", Text, nullable=False),
    sa.Column("description", Text),
    sa.UniqueConstraint("principal_id", "role_id", "scope_key", name="uq_role_assignments_triple"),
    sa.Index("ix_role_assignments_scope", "scope_key"),
    sa.Index("ix_role_assignments_role", "tenant_id", "role_id"),
)

# Custom roles only; the built-in ones are part of the program.
role_definitions = sa.Table(
    "role_definitions",
    metadata,
    sa.Column("tenant_id", Text, primary_key=True),
    sa.Column("id", Key, primary_key=True),
    sa.Column("name", Text, nullable=False),
    sa.Column("name_key", Key, nullable=False),
    sa.Column("description", Text, nullable=False),
    sa.Column("permissions", Json, nullable=False),
    sa.Column("assignable_scopes", Json, nullable=False),
    sa.Column("created", Moment, nullable=False),
    sa.Column("created_by", Text, nullable=False),
    sa.Column("changed", Moment, nullable=False),
    sa.Column("changed_by", Text, nullable=False),
    sa.UniqueConstraint("tenant_id", "name_key", name="uq_role_definitions_name"),
)

# Resource groups are rows here too (type Microsoft.Resources/resourceGroups): one tree, one etag rule.
resources = sa.Table(
    "resources",
    metadata,
    sa.Column("key", Key, primary_key=True),
    sa.Column("id", Text, nullable=False),
    sa.Column("uid", Text, nullable=False, unique=True),
    sa.Column("type", Text, nullable=False),
    sa.Column("type_key", Key, nullable=False),
    sa.Column("subscription_id", Text, nullable=False),
    sa.Column("resource_group", Text),
    sa.Column("group_key", Key),
    sa.Column("parent_key", Key),
    sa.Column("name", Text, nullable=False),
    sa.Column("location", Text),
    sa.Column("tags", Json, nullable=False),
    sa.Column("properties", Json, nullable=False),
    # Envelope members that only some types have: sku, kind, identity, zones, plan, managedBy.
    sa.Column("envelope", Json, nullable=False),
    sa.Column("etag", Text, nullable=False),
    sa.Column("provisioning_state", Text, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("created", Moment, nullable=False),
    sa.Column("created_by", Text, nullable=False),
    sa.Column("changed", Moment, nullable=False),
    sa.Column("changed_by", Text, nullable=False),
    sa.Index("ix_resources_listing", "subscription_id", "group_key", "type_key", "key"),
    sa.Index("ix_resources_type", "type_key", "subscription_id", "key"),
    sa.Index("ix_resources_parent", "parent_key", "type_key", "key"),
)

operations = sa.Table(
    "operations",
    metadata,
    sa.Column("sequence", Sequence, primary_key=True, autoincrement=True),
    sa.Column("id", Text, nullable=False, unique=True),
    sa.Column("key", Text, nullable=False, unique=True),
    sa.Column("resource_id", Text, nullable=False),
    sa.Column("resource_key", Key, nullable=False),
    sa.Column("kind", Text, nullable=False),
    sa.Column("status", Text, nullable=False),
    sa.Column("input", Json),
    sa.Column("state", Json),
    sa.Column("output", Json),
    sa.Column("error", Json),
    sa.Column("caller", Json),
    sa.Column("correlation_id", Text),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("lease_owner", Text),
    sa.Column("lease_epoch", sa.BigInteger, nullable=False),
    sa.Column("lease_expires", Moment),
    sa.Column("not_before", Moment),
    # Since when somebody wants it to be canceled.
    sa.Column("cancel", Moment),
    sa.Column("started", Moment, nullable=False),
    sa.Column("changed", Moment, nullable=False),
    sa.Column("ended", Moment),
    sa.Index("ix_operations_resource", "resource_key", "sequence"),
    sa.Index(
        "ix_operations_open",
        "sequence",
        sqlite_where=sa.text("ended IS NULL"),
        postgresql_where=sa.text("ended IS NULL"),
    ),
)

locks = sa.Table(
    "locks",
    metadata,
    sa.Column("key", Key, primary_key=True),
    sa.Column("name", Text, nullable=False),
    sa.Column("scope", Text, nullable=False),
    sa.Column("scope_key", Key, nullable=False),
    sa.Column("level", Text, nullable=False),
    sa.Column("notes", Text),
    sa.Column("created", Moment, nullable=False),
    sa.Column("created_by", Text, nullable=False),
    sa.Column("changed", Moment, nullable=False),
    sa.Column("changed_by", Text, nullable=False),
    sa.Index("ix_locks_scope", "scope_key"),
)

# Only what somebody decided: without a row the namespace's own default holds.
registrations = sa.Table(
    "registrations",
    metadata,
    sa.Column("subscription_id", Text, sa.ForeignKey("subscriptions.id"), primary_key=True),
    sa.Column("namespace_key", Key, primary_key=True),
    sa.Column("registered", sa.Boolean, nullable=False),
    sa.Column("changed", Moment, nullable=False),
    sa.Column("changed_by", Text, nullable=False),
)

activity = sa.Table(
    "activity",
    metadata,
    sa.Column("sequence", Sequence, primary_key=True, autoincrement=True),
    sa.Column("id", Text, nullable=False, unique=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("tenant_id", Text, nullable=False),
    sa.Column("subscription_id", Text),
    sa.Column("group_key", Key),
    sa.Column("resource_id", Text, nullable=False),
    sa.Column("resource_key", Key, nullable=False),
    sa.Column("resource_type", Text, nullable=False),
    sa.Column("action", Text, nullable=False),
    sa.Column("scope", Text, nullable=False),
    sa.Column("status", Text, nullable=False),
    sa.Column("sub_status", Text, nullable=False),
    sa.Column("level", Text, nullable=False),
    sa.Column("caller", Text, nullable=False),
    sa.Column("object_id", Text, nullable=False),
    sa.Column("app_id", Text, nullable=False),
    sa.Column("client_address", Text),
    sa.Column("method", Text),
    sa.Column("correlation_id", Text, nullable=False),
    sa.Column("operation_id", Text, nullable=False),
    sa.Column("properties", Json, nullable=False),
    sa.Column("role", Text),
    # Its place in the audit chain (store/audit.py); NULL in rows from before there was one.
    sa.Column("node", Text),
    sa.Column("day", Text),
    sa.Column("number", sa.BigInteger),
    sa.Column("link", Text),
    sa.Index("ix_activity_chain", "node", "day", "number", unique=True),
    sa.Index("ix_activity_subscription", "subscription_id", "at"),
    sa.Index("ix_activity_resource", "resource_key", "at"),
)

agents = sa.Table(
    "agents",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("name", Text, nullable=False),
    sa.Column("name_key", Key, nullable=False),
    sa.Column("tenant_id", Text, sa.ForeignKey("tenants.id"), nullable=False),
    sa.Column("subscription_id", Text, sa.ForeignKey("subscriptions.id"), nullable=False),
    sa.Column("resource_group", Text, nullable=False),
    sa.Column("group_key", Key, nullable=False),
    sa.Column("public_key", Text, nullable=False, unique=True),
    sa.Column("version", Text),
    sa.Column("enrolled", Moment, nullable=False),
    sa.Column("revoked", Moment),
    sa.Column("last_seen", Moment),
    sa.Column("inventory", Json),
    sa.Column("inventory_at", Moment),
    sa.Column("link_id", Text),
    sa.Column("link_node", Text),
    sa.Column("link_since", Moment),
    sa.Column("awaiting", sa.Boolean(), nullable=False, server_default=sa.false()),
    sa.Column("location", Text),
    sa.Column("tags", Json),
    sa.Column("properties", Json),
    sa.Column("created_by", Text),
    sa.Column("changed", Moment),
    sa.Column("changed_by", Text),
    sa.Column("hardware", Text),
    sa.Column("former_key", Text),
    sa.Column("certificate", Text),
    sa.Column("certificate_issued", Moment),
    sa.Column("certificate_expires", Moment),
    sa.Column("renews", sa.Boolean(), nullable=False, server_default=sa.false()),
    sa.Column("beat", Json),
    sa.Column("beat_at", Moment),
    sa.Column("trouble", Json),
    sa.UniqueConstraint("subscription_id", "group_key", "name_key", name="uq_agents_place"),
)

enrolment_tokens = sa.Table(
    "enrolment_tokens",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("digest", Text, nullable=False),
    sa.Column("tenant_id", Text, sa.ForeignKey("tenants.id"), nullable=False),
    sa.Column("subscription_id", Text, sa.ForeignKey("subscriptions.id"), nullable=False),
    sa.Column("resource_group", Text, nullable=False),
    sa.Column("agent_name", Text),
    sa.Column("created", Moment, nullable=False),
    sa.Column("created_by", Text, nullable=False),
    sa.Column("expires", Moment, nullable=False),
    sa.Column("used", Moment),
    sa.Column("public_key", Text),
    sa.Column("agent_id", Text, sa.ForeignKey("agents.id", ondelete="SET NULL")),
)

commands = sa.Table(
    "commands",
    metadata,
    sa.Column("sequence", Sequence, primary_key=True, autoincrement=True),
    sa.Column("key", Text, nullable=False, unique=True),
    sa.Column("agent_id", Text, sa.ForeignKey("agents.id", ondelete="CASCADE"), nullable=False),
    sa.Column("vm", Text),
    sa.Column("verb", Text, nullable=False),
    sa.Column("args", Json, nullable=False),
    sa.Column("created", Moment, nullable=False),
    sa.Column("deadline", Moment, nullable=False),
    sa.Column("sent", Moment),
    sa.Column("sends", sa.Integer, nullable=False),
    sa.Column("result", Json),
    sa.Column("answered", Moment),
    sa.Index("ix_commands_agent", "agent_id", "sequence"),
    sa.Index(
        "ix_commands_open",
        "deadline",
        sqlite_where=sa.text("answered IS NULL"),
        postgresql_where=sa.text("answered IS NULL"),
    ),
)

# What is protected of a script, an extension or a command, until it has ended (store/withheld.py).
withheld = sa.Table(
    "withheld",
    metadata,
    sa.Column("id", Text, primary_key=True),
    *sealed("secret"),
    sa.Column("created", Moment, nullable=False),
)

console_sessions = sa.Table(
    "console_sessions",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("vm_id", Text, nullable=False),
    sa.Column("vm_key", Key, nullable=False),
    sa.Column("port", Text, nullable=False),
    sa.Column("tenant_id", Text, nullable=False),
    sa.Column("object_id", Text, nullable=False),
    sa.Column("app_id", Text, nullable=False),
    sa.Column("principal_name", Text, nullable=False),
    sa.Column("client_address", Text),
    sa.Column("client", Text),
    sa.Column("node", Text, nullable=False),
    sa.Column("mode", Text, nullable=False),
    sa.Column("started", Moment, nullable=False),
    sa.Column("attached", Moment),
    sa.Column("ended", Moment),
    sa.Column("reason", Text),
    sa.Column("login", Text),
    sa.Column("bytes_in", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("bytes_out", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("ix_console_sessions_vm", "vm_key", "started"),
    sa.Index(
        "ix_console_sessions_live",
        "node",
        sqlite_where=sa.text("ended IS NULL"),
        postgresql_where=sa.text("ended IS NULL"),
    ),
)

console_settings = sa.Table(
    "console_settings",
    metadata,
    sa.Column("subscription_id", Text, sa.ForeignKey("subscriptions.id"), primary_key=True),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("changed", Moment, nullable=False),
    sa.Column("changed_by", Text, nullable=False),
    sa.Column("end_login", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("storage_warns", sa.Boolean, nullable=False, server_default=sa.false()),
)

# Which network resource names which: a subnet its security group, an IP configuration its subnet. Written
# with the resource that names, read by the one that is named.
network_links = sa.Table(
    "network_links",
    metadata,
    sa.Column("holder_key", Key, primary_key=True),
    # The part of the holder that names: an IP configuration, a subnet, a rule, or the holder itself.
    sa.Column("part_key", Key, primary_key=True),
    sa.Column("part_id", Text, nullable=False),
    sa.Column("target_key", Key, primary_key=True),
    # The resource that the target is, or is a part of.
    sa.Column("target_row", Key, nullable=False),
    sa.Index("ix_network_links_target", "target_row", "target_key"),
)

# Who has which address (or DNS label); the primary key is what makes them unique.
network_addresses = sa.Table(
    "network_addresses",
    metadata,
    sa.Column("space", Key, primary_key=True),
    # Of fixed width, so that their order is that of the numbers.
    sa.Column("address", Key, primary_key=True),
    sa.Column("owner_key", Key, nullable=False),
    sa.Column("owner_id", Text, nullable=False),
    sa.Index("ix_network_addresses_owner", "owner_key"),
)
