"""F4: the audit chain at work: its key, its checkpoints, its export, the end of old days.

Each row is linked where it is written (`store/audit.py`); how a chain is verified is in `wire/audit`.
"""
