"""Guests broken on purpose, and what they printed: `python -m guests.broken --help`.

Each recipe boots a real guest in QEMU, breaks it in one way and records the bytes of its serial port with
their times. The recordings in tests/corpus are made here; the failure detector is measured on them.

`recording` is the file they are kept in, `machine` a QEMU that is recorded, `disks` and `lab` what it boots
from, `recipes` the breakages by family, `labels` what a recording is known to show, `registry` which of the
two parts a recipe goes to.
"""
