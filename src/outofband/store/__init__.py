"""F3: durable state. The only folder that speaks SQL; SQLite and PostgreSQL run the same code.

`Store` (store.py) bundles one repository per noun. A unit of work (`db.read()`, `db.write()`) is a `Tx`;
every repository method takes one, so one transaction can hold a resource, its operation and its activity row.
Lower floors never call up: they write a row and `tx.ring(topic)`; the bell rings once the write is committed.

May import core, catalogue, wire and net.
"""
