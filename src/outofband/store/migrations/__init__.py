"""Alembic's environment and one file per change of the schema. Each migration stands alone: it never imports
`tables`, which will have moved on by the time an old database meets it."""
