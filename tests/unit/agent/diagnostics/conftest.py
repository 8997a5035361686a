"""The machines of the tests next door."""

from tests.unit.agent.machines.conftest import configure, machines, state

__all__ = ["configure", "machines", "state"]
