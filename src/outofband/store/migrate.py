"""Bring a database to the schema of this version, in one transaction: a kill leaves the old schema or the
new.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from outofband.core.errors import Fault

_SCRIPTS = Path(__file__).parent / "migrations"


def config() -> Config:
    """Alembic's configuration; there is no ini file, the migrations are part of the package."""
    made = Config()
    made.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return made


def require_current(connection: sa.Connection) -> None:
    """For who must not change the schema. Raises Fault StoreTooNew or StoreTooOld."""
    there = _heads(connection)
    if not _is_current(there, config()):
        raise Fault("StoreTooOld", revision=", ".join(sorted(there)) or "none")


def upgrade(connection: sa.Connection) -> None:
    """Run what is missing inside the open transaction of `connection`, which the caller commits.

    Raises Fault StoreTooNew when a later version of the program has already changed the schema.
    """
    settings = config()
    if not _is_current(_heads(connection), settings):
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")


def _heads(connection: sa.Connection) -> set[str]:
    return set(MigrationContext.configure(connection).get_current_heads())


def _is_current(there: set[str], settings: Config) -> bool:
    """Whether nothing is missing. Raises Fault StoreTooNew."""
    scripts = ScriptDirectory.from_config(settings)
    if unknown := there - {script.revision for script in scripts.walk_revisions()}:
        raise Fault("StoreTooNew", revision=", ".join(sorted(unknown)))
    return there == set(scripts.get_heads())
