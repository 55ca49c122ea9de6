"""What the mode before left on this node, removed once the rules of the mode that runs are in force.

Not before: with the old rules gone and the new ones not there, a new connection would find nobody. While
both are there each leads to a right endpoint, whichever sees the packet first. Connections that are open
do not notice, conntrack remembers where they go. The mode before may have ended in the middle of its work,
or have been a real kube-proxy's.

And not at once: a packet that has passed the place of the new rules before they came must still find the old
ones, however long its processor is held up between the two.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from labs.proxy.mode import Mode
from vm.errors import MachineError

log = logging.getLogger(__name__)
UNDERWAY = 0.1  # seconds that a packet may be on its way through a node's rules


class Leftovers:
    """What all modes but one may have left, one IP family; removed once."""

    def __init__(self, others: Iterable[Mode] = ()) -> None:
        self._others = list(others)

    async def remove(self, running: Mode) -> None:
        """Remove what there is, but not what `running` needs; what fails is tried again when next called."""
        if self._others:
            await asyncio.sleep(UNDERWAY)
        for mode in tuple(self._others):
            try:
                await mode.cleanup(running.owned)
            except MachineError as error:
                log.error("what mode %s may have left cannot be removed yet: %s", mode.name, error)
            else:
                self._others.remove(mode)
