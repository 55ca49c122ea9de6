"""An IPVS of plain dictionaries, as strict as the kernel's. Stands in for ``door.KernelIpvs``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labs.proxy.ipvs.door import IpvsRefused
from labs.proxy.ipvs.servers import Load, RealKey, Served, ServerKey, Step, VirtualServer, saved

SCHEDULERS = frozenset({"rr", "wrr", "lc", "wlc", "dh", "sh", "sed", "nq", "mh", "lblc", "lblcr"})


class FakeIpvs:
    """Keeps a table and every step that was asked of it; ``connect`` gives a real server connections."""

    def __init__(self, schedulers: frozenset[str] = SCHEDULERS) -> None:
        self.table: dict[ServerKey, VirtualServer] = {}
        self.steps: list[str] = []
        self.seconds = (900, 120, 300)
        self.refuse = ""  # a step with this text in it is refused
        self._reals: dict[ServerKey, dict[RealKey, Load]] = {}
        self._schedulers = schedulers

    def servers(self) -> Mapping[ServerKey, VirtualServer]:
        """See ``Ipvs``."""
        return dict(self.table)

    def reals(self, key: ServerKey) -> Mapping[RealKey, Load]:
        """See ``Ipvs``."""
        return dict(self._reals.get(key, {}))

    def do(self, steps: Sequence[Step]) -> None:
        """See ``Ipvs``."""
        refused = [f"IPVS refused `{step}`: {why}" for step in steps if (why := self._do(step))]
        if refused:
            raise IpvsRefused(refused[0])

    def timeouts(self, tcp: int, tcp_fin: int, udp: int) -> None:
        """See ``Ipvs``."""
        wanted = zip((tcp, tcp_fin, udp), self.seconds, strict=True)
        self.seconds = tuple(new or old for new, old in wanted)  # type: ignore[assignment]

    def connect(self, key: ServerKey, real: RealKey, active: int = 0, inactive: int = 0) -> None:
        """Have the real server hold so many connections."""
        self._reals[key][real] = Load(self._reals[key][real].weight, active, inactive)

    def save(self) -> list[str]:
        """The table as ``ipvsadm -Sn`` prints it."""
        weights = {
            key: {real: load.weight for real, load in reals.items()} for key, reals in self._reals.items()
        }
        return list(saved({key: Served(server, weights[key]) for key, server in self.table.items()}))

    def _do(self, step: Step) -> str:
        """Why it is refused; empty if it is done."""
        if self.refuse and self.refuse in str(step):
            return "Device or resource busy"
        refused = self._service(step) if step.real is None else self._real(step, step.real)
        if not refused:
            self.steps.append(str(step))
        return refused

    def _service(self, step: Step) -> str:
        key = step.server.key
        if (key in self.table) is (step.verb == "add"):
            return "File exists" if step.verb == "add" else "No such process"
        if step.verb == "del":
            del self.table[key], self._reals[key]
        elif step.server.scheduler not in self._schedulers:
            return "No such file or directory"
        else:
            self.table[key] = step.server
            self._reals.setdefault(key, {})
        return ""

    def _real(self, step: Step, real: RealKey) -> str:
        reals = self._reals.get(step.server.key)
        if reals is None:
            return "No such process"
        if (real in reals) is (step.verb == "add"):
            return "File exists" if step.verb == "add" else "No such file or directory"
        if step.verb == "del":
            del reals[real]
        else:
            reals[real] = reals.get(real, Load(0))._replace(weight=step.weight)
        return ""
