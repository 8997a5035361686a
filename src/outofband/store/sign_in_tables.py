"""People, their second factors, their sessions, and what they and programs are given while they sign in."""

from __future__ import annotations

import sqlalchemy as sa

from outofband.store.columns import Json, Key, Moment, Text
from outofband.store.tables import metadata

users = sa.Table(
    "users",
    metadata,
    sa.Column("object_id", Text, primary_key=True),
    sa.Column("tenant_id", Text, sa.ForeignKey("tenants.id"), nullable=False, index=True),
    sa.Column("name", Text, nullable=False),
    sa.Column("name_key", Key, nullable=False, unique=True),
    sa.Column("display_name", Text, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("password_hash", Text),
    sa.Column("password_changed", Moment),
    sa.Column("must_change", sa.Boolean, nullable=False),
    sa.Column("created", Moment, nullable=False),
)

# By the digest of the name that was typed, whether or not somebody has it: a lock tells nothing about that.
sign_in_failures = sa.Table(
    "sign_in_failures",
    metadata,
    sa.Column("name_digest", Text, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("last", Moment, nullable=False),
    sa.Column("locked_until", Moment),
)

# A browser's session has a cookie's digest; a client's has a client id, and a parent when it lives and dies
# with a browser's.
sign_in_sessions = sa.Table(
    "sign_in_sessions",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column(
        "object_id", Text, sa.ForeignKey("users.object_id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("parent_id", Text, sa.ForeignKey("sign_in_sessions.id", ondelete="CASCADE"), index=True),
    sa.Column("client_id", Text),
    sa.Column("digest", Text, unique=True),
    sa.Column("address", Text, nullable=False),
    sa.Column("agent", Text, nullable=False),
    sa.Column("authenticated", Moment, nullable=False),
    sa.Column("started", Moment, nullable=False),
    sa.Column("expires", Moment, nullable=False),
    sa.Column("ended", Moment),
    sa.Column("reason", Text),
    # How the person proved it, words of RFC 8176 with spaces between: `pwd otp mfa`.
    sa.Column("methods", Text, nullable=False, server_default=sa.text("'pwd'")),
    sa.Column("last_used", Moment),
)

# What somebody has beside the password: an authenticator app's secret, or a passkey's public half.
sign_in_factors = sa.Table(
    "sign_in_factors",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column(
        "object_id", Text, sa.ForeignKey("users.object_id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("kind", Text, nullable=False),
    sa.Column("name", Text, nullable=False),
    sa.Column("created", Moment, nullable=False),
    # Nothing counts before its owner has shown that it works.
    sa.Column("confirmed", Moment),
    sa.Column("last_used", Moment),
    sa.Column("secret", sa.LargeBinary),
    # How `secret` is wrapped, as in `signing_keys`.
    sa.Column("wrap", Text, nullable=False, server_default=sa.text("'none'")),
    sa.Column("last_step", sa.BigInteger),
    sa.Column("credential_id", Text, unique=True),
    sa.Column("public_key", sa.LargeBinary),
    # The host name that a passkey is bound to.
    sa.Column("host", Text),
    sa.Column("sign_count", sa.BigInteger),
    sa.Column("transports", Json),
)

recovery_codes = sa.Table(
    "recovery_codes",
    metadata,
    sa.Column("digest", Text, primary_key=True),
    sa.Column(
        "object_id", Text, sa.ForeignKey("users.object_id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("created", Moment, nullable=False),
    sa.Column("used", Moment),
)

# Without a row the defaults hold: nothing is required.
sign_in_policies = sa.Table(
    "sign_in_policies",
    metadata,
    sa.Column("tenant_id", Text, sa.ForeignKey("tenants.id"), primary_key=True),
    sa.Column("require_mfa", sa.Boolean, nullable=False),
    sa.Column("changed", Moment, nullable=False),
    sa.Column("changed_by", Text, nullable=False),
)

# Half a sign-in: what a browser has proved and what is still asked of it. Nothing is open to it. One without
# a session will become one; one with a session will raise it.
sign_in_steps = sa.Table(
    "sign_in_steps",
    metadata,
    sa.Column("digest", Text, primary_key=True),
    sa.Column("object_id", Text, sa.ForeignKey("users.object_id", ondelete="CASCADE"), index=True),
    sa.Column("session_id", Text, sa.ForeignKey("sign_in_sessions.id", ondelete="CASCADE"), index=True),
    sa.Column("methods", Text, nullable=False),
    sa.Column("challenge", Text),
    sa.Column("created", Moment, nullable=False),
    sa.Column("expires", Moment, nullable=False),
)

authorization_codes = sa.Table(
    "authorization_codes",
    metadata,
    sa.Column("digest", Text, primary_key=True),
    sa.Column(
        "session_id",
        Text,
        sa.ForeignKey("sign_in_sessions.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("client_id", Text, nullable=False),
    sa.Column("redirect_uri", Text, nullable=False),
    sa.Column("challenge", Text, nullable=False),
    sa.Column("scope", Text, nullable=False),
    sa.Column("audience", Text, nullable=False),
    sa.Column("nonce", Text),
    sa.Column("created", Moment, nullable=False),
    sa.Column("expires", Moment, nullable=False),
    sa.Column("redeemed", Moment),
    sa.Column("issued_id", Text),
)

# A family of refresh tokens is a client's session: ending the one ends the other.
refresh_tokens = sa.Table(
    "refresh_tokens",
    metadata,
    sa.Column("digest", Text, primary_key=True),
    sa.Column(
        "session_id",
        Text,
        sa.ForeignKey("sign_in_sessions.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("scope", Text, nullable=False),
    sa.Column("audience", Text, nullable=False),
    sa.Column("created", Moment, nullable=False),
    sa.Column("expires", Moment, nullable=False),
    sa.Column("used", Moment),
)

device_codes = sa.Table(
    "device_codes",
    metadata,
    sa.Column("digest", Text, primary_key=True),
    sa.Column("user_digest", Text, nullable=False, unique=True),
    sa.Column("client_id", Text, nullable=False),
    sa.Column("tenant", Text, nullable=False),
    sa.Column("scope", Text, nullable=False),
    sa.Column("audience", Text, nullable=False),
    sa.Column("address", Text, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("object_id", Text, sa.ForeignKey("users.object_id", ondelete="CASCADE"), index=True),
    sa.Column("authenticated", Moment),
    sa.Column("created", Moment, nullable=False),
    sa.Column("expires", Moment, nullable=False),
    sa.Column("interval", sa.Integer, nullable=False),
    sa.Column("polled", Moment),
    sa.Column("issued_id", Text),
    # Of the person who allowed it, as in `sign_in_sessions`.
    sa.Column("methods", Text),
)

# Of programs with a certificate: an assertion belongs to the host that showed it first.
client_assertions = sa.Table(
    "client_assertions",
    metadata,
    sa.Column("digest", Text, primary_key=True),
    sa.Column("source", Text, nullable=False),
    sa.Column("shown", Moment, nullable=False),
    sa.Column("expires", Moment, nullable=False, index=True),
)
