"""How the files of tests are shared out among workers when one of them dies.

As it comes (pytest-xdist 3.8; its issues 1327 and 1378), the test that ended one worker goes to the next one
too, files that are done are handed around, which nobody ever reports, and a worker that is started later may
wait beside its only test. A run then stands still until its limit.
"""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController


class FileScheduling(LoadFileScheduling):
    """A file at a time in each worker, to the end of the last file."""

    def remove_node(self, node: WorkerController) -> str | None:
        """Where `node` died, the test it was at, which counts as run; the rest goes to the others."""
        workload = self.assigned_work.pop(node)
        running = [(unit, name) for unit in workload.values() for name, done in unit.items() if not done]
        if not running:
            return None
        unit, crashed = running[0]
        unit[crashed] = True
        for scope, unit in workload.items():
            if not all(unit.values()):
                self.workqueue[scope] = unit
        for each in self.nodes:
            self._reschedule(each)
        return crashed

    def _reschedule(self, node: WorkerController) -> None:
        if node in self.registered_collections:  # or it has just come, and asks when it knows the tests
            super()._reschedule(node)

    def schedule(self) -> None:
        """Once more for a worker that came later: a worker runs a test only when it knows what follows it."""
        super().schedule()
        for node in self.nodes:
            self._reschedule(node)
