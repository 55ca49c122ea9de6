"""Which of the kernel's packet counters rules may name: those that exist, if iptables can match them at all.

The counters are one module of the kernel (nfnetlink_acct), the match is another (xt_nfacct), and a kernel may
have the first alone. A rule that cannot be loaded makes a whole restore fail, so one is tried before, in a
chain that nothing leads to.
"""

from __future__ import annotations

import logging

from labs.proxy.counters import PacketCounters
from labs.proxy.netfilter.kernel import Kernel, RestoreFailed
from labs.proxy.netfilter.ruleset import Ruleset, Write

log = logging.getLogger(__name__)

PROBE = "KUBE-PROXY-PROBE"
TABLE = "mangle"


def counted(name: str) -> str:
    """The match that counts a packet."""
    return f"-m nfacct --nfacct-name {name}"


class Counting:
    """Asks the kernel once."""

    def __init__(self, counters: PacketCounters, kernel: Kernel) -> None:
        self._counters = counters
        self._kernel = kernel
        self._works: bool | None = None

    async def usable(self, *names: str) -> frozenset[str]:
        """Make these counters; those that rules may name. Raises MachineError where a command cannot run."""
        made = frozenset(name for name in names if self._counters.ensure(name))
        if self._works is None and made:
            self._works = await self._tried(min(made))
        return made if self._works else frozenset()

    async def _tried(self, name: str) -> bool:
        probe = Ruleset()
        probe[TABLE][PROBE] = (counted(name),)
        try:
            await self._kernel.restore(Write(probe))
        except RestoreFailed:
            log.info(
                "no packet is counted: this kernel has counters, but iptables cannot match them (xt_nfacct)"
            )
            return False
        await self._kernel.restore(Write(stale={TABLE: (PROBE,)}))
        return True
