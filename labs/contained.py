"""The namespaces backend of `lab up`: the cluster as processes of this host (vm.namespaces)."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from labs import config, dualstack, modes, sudo
from labs.config import Home
from labs.errors import LabError
from labs.order import NODES, Order
from labs.running import enter
from labs.show import Progress
from labs.summary import Pairs
from vm import inventory, lock
from vm.inventory import Inventory
from vm.plan import Plan, plan


@dataclass(frozen=True, slots=True)
class Namespaces:
    """See ``labs.backend.Backend``. There is nothing between running and gone; objects stay in the folder."""

    home: Home
    name: str = "namespaces"

    def exists(self) -> bool:
        """Namespaces end with their processes: what exists runs."""
        return self.runs()

    def begun(self) -> float:
        """When the API server last wrote."""
        return self.home.database.stat().st_mtime if self.home.database.exists() else 0.0

    def runs(self) -> bool:
        """Whether the lab's first process holds the lock."""
        return lock.held(self.home.path)

    def halted(self) -> Pairs:
        """None: there is nothing between running and gone."""
        return ()

    def up(self, order: Order, report: Progress) -> Inventory:
        """Start the machines; those that run already are left as they are."""
        if sys.platform != "linux":
            raise LabError(
                "a cluster of namespaces needs Linux: they are its own",
                "`lab up --backend vagrant` makes it of virtual machines; vm/README.md says what to install",
            )
        if order.root and os.geteuid() != 0:
            sudo.again(self.home, config.workspace(), "`lab up --root`")
        enter(self.home)
        if self.runs():
            running = unchanged(inventory.load(self.home.inventory), order.nodes)
            dualstack.require_running(running, order.dual_stack)
            report(f"{len(running.plan.nodes)} machines run already")
            return running
        modes.require_here(order.mode, root=os.geteuid() == 0)
        families = dualstack.chosen(self.home, order.dual_stack)
        return self._begin(plan((order.nodes or NODES) - 1, dual_stack=families), report)

    def reset(self, report: Progress) -> Inventory:
        """End them all, forget the objects, and begin with as many nodes and address families."""
        enter(self.home)
        before = inventory.load(self.home.inventory).plan
        self.down(purge=False)
        for file in self.home.path.glob(f"{self.home.database.name}*"):
            file.unlink()
        report("the machines and objects that there were are gone")
        return self.up(Order(len(before.cluster_nodes), dual_stack=before.dual_stack), report)

    def down(self, *, purge: bool) -> str:
        """End them all; no error where none runs."""
        from vm import namespaces

        enter(self.home)
        if not namespaces.stop(self.home.path):
            return "No cluster was running." + (" Its objects are gone." if purge else "")
        return "The cluster is gone" + (
            ", and its objects with it."
            if purge
            else "; its objects are there again after the next `lab up`."
        )

    def _begin(self, wanted: Plan, report: Progress) -> Inventory:
        """Raises HostCannot with the cure where the host cannot."""
        from labs.cluster import specification
        from vm import doctor, namespaces

        doctor.require_programs()
        if wanted.dual_stack:
            doctor.require_dual_stack()
        spec = specification(self.home, wanted)
        try:
            running = namespaces.start(spec, report)
        finally:
            for door in spec.sockets.values():
                door.close()
        if wanted.dual_stack:
            dualstack.remember(self.home)
        return running


def unchanged(running: Inventory, nodes: int | None) -> Inventory:
    """The lab that there is, if it has as many nodes as asked for."""
    there = len(running.plan.cluster_nodes)
    if nodes not in (None, there):
        raise LabError(
            f"a lab with {there} nodes runs already, not {nodes}",
            f"`lab down`, then `lab up --nodes {nodes}`",
        )
    return running
