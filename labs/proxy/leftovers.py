"""What the mode before left on this node, removed once the rules of the mode that runs are in force.

Not before: with the old rules gone and the new ones not there, a new connection would find nobody. While
both are there each leads to a right endpoint, whichever sees the packet first. Connections that are open
do not notice, conntrack remembers where they go. The mode before may have ended in the middle of its work,
or have been a real kube-proxy's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from labs.proxy.mode import Mode
from vm.errors import MachineError

log = logging.getLogger(__name__)


class Leftovers:
    """What all modes but one may have left, one IP family; removed once."""

    def __init__(self, others: Iterable[Mode] = ()) -> None:
        self._others = list(others)

    async def remove(self, running: Mode) -> None:
        """Remove what there is, but not what `running` needs; what fails is tried again when next called."""
        for mode in tuple(self._others):
            try:
                await mode.cleanup(running.owned)
            except MachineError as error:
                log.error("what mode %s may have left cannot be removed yet: %s", mode.name, error)
            else:
                self._others.remove(mode)
