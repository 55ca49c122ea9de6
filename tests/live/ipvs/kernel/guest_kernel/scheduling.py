"""Where pytest shares tests out among workers, one worker gets all of the guest's, and gets them first.

By file, as the others are shared out, there would be a guest a file, and each boots for ten seconds and then
imports for ten more. First, because they take longest: the other worker does all else meanwhile.
"""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

GUEST = "the guest's"
FOLDER, WORD = "tests/live/", "ipvs"
OWN_MACHINES = "tests/live/vagrant/"
"""Tests that bring their own kernels."""


class GuestFirst(LoadFileScheduling):
    """By file, but what is for the guest in one."""

    def _split_scope(self, nodeid: str) -> str:
        if is_guests(nodeid):
            return GUEST
        return str(super()._split_scope(nodeid))

    def _assign_work_unit(self, node: WorkerController) -> None:
        if GUEST in self.workqueue:
            self.workqueue.move_to_end(GUEST, last=False)
        super()._assign_work_unit(node)


def is_guests(nodeid: str) -> bool:
    """Whether the test of this name is handed to the guest: its name is all that the controller has."""
    return nodeid.startswith(FOLDER) and WORD in nodeid and not nodeid.startswith(OWN_MACHINES)
