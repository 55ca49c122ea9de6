"""Where machines come from: one Protocol, and a class a backend.

`lab up`, `down` and `status` ask a backend for the cluster and know no more of it than this; every other
command works on the inventory that it wrote. A state folder has one backend at a time: the one whose machines
are there, running or halted, else the one that `lab up` is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from labs.config import Home
from labs.contained import Namespaces
from labs.errors import LabError
from labs.order import Order
from labs.show import Progress
from labs.summary import Pairs
from labs.virtual import VirtualMachines
from vm.inventory import Inventory


class Backend(Protocol):
    """The machines of one state folder."""

    @property
    def name(self) -> str:
        """As `--backend` and the inventory say it."""

    def exists(self) -> bool:
        """Whether there are machines, running or halted."""

    def begun(self) -> float:
        """When it was last asked to make or start machines (seconds of the epoch); 0.0 for never."""

    def runs(self) -> bool:
        """Whether they run, as far as can be told without a look at each."""

    def halted(self) -> Pairs:
        """(machine, its state) of the machines that are there while the cluster does not run."""

    def up(self, order: Order, report: Progress) -> Inventory:
        """Make them run, whatever state they are in; raises an error with its cure."""

    def reset(self, report: Progress) -> Inventory:
        """Machines and objects as they were made, whatever was done to them since; only where it `exists`."""

    def down(self, *, purge: bool) -> str:
        """End them, with `purge` for good; says what became of them."""


BACKENDS: Mapping[str, Callable[[Home], Backend]] = {
    "namespaces": Namespaces,
    "vagrant": VirtualMachines,
}


def of(home: Home, wanted: str = "") -> Backend:
    """The backend of that folder; raises LabError if another is wanted than the one with machines there.

    Where there are none, it is the one that was asked for last: a `lab up` that ended half-way goes on.
    """
    there = next((backend for backend in every(home) if backend.exists()), None)
    if there is None:
        return BACKENDS[wanted](home) if wanted else max(every(home), key=lambda each: each.begun())
    if wanted not in ("", there.name):
        raise LabError(
            f"{home.path} has a cluster of backend {there.name}, not {wanted}",
            f"`lab down --purge`, then `lab up --backend {wanted}`; or keep both, with another LAB_HOME",
        )
    return there


def every(home: Home) -> list[Backend]:
    """All kinds, for that folder."""
    return [make(home) for make in BACKENDS.values()]
