"""The Vagrant backend of `lab up`: a virtual machine a node, and the same services on them.

Vagrant makes the machines and boots them (vm.vagrant), Ansible makes them a cluster (vm.provision). Both are
asked every time, whatever state the machines are in: what is as it must be stays as it is, so `lab up` is
also what repairs. A halted cluster keeps its objects on control-1's disk.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labs.config import Home
from labs.errors import UsageError
from labs.order import Order
from labs.show import Progress
from labs.summary import Pairs
from vm import inventory
from vm.inventory import Inventory

SETTINGS = "machines.yaml"  # vm.vagrant's
SERVICES = "lab-a*.service"  # those of vm/ansible that a machine has: lab-agent, lab-apiserver

if TYPE_CHECKING:
    from vm.vagrant import Vagrant
    from vm.vagrant_settings import Settings


@dataclass(frozen=True, slots=True)
class VirtualMachines:
    """See ``labs.backend.Backend``."""

    home: Home
    name: str = "vagrant"

    @property
    def folder(self) -> Path:
        """Everything that Vagrant and Ansible keep."""
        return self.home.path / "vagrant"

    def exists(self) -> bool:
        """Whether Vagrant has made machines here, running or halted."""
        return self.folder.exists() and self._vagrant().exists()

    def begun(self) -> float:
        """When `lab up` last wrote down what it wants."""
        file = self._vagrant().folder / SETTINGS
        return file.stat().st_mtime if file.exists() else 0.0

    def runs(self) -> bool:
        """Whether they were brought up and not taken down since."""
        try:
            return bool(json.loads(self.home.inventory.read_text())["backend"] == self.name)
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def halted(self) -> Pairs:
        """All, where control-1 does not run or was not finished; Vagrant is asked, which takes a second."""
        if not self.exists():
            return ()
        from vm.vagrant import RUNNING

        states = self._vagrant().status()
        first = next(iter(states.values()), RUNNING)
        return () if first == RUNNING and self.runs() else tuple(states.items())

    def up(self, order: Order, report: Progress) -> Inventory:
        """Make, boot, wake and provision what needs it."""
        _refuse(order)
        vagrant = self._vagrant()
        settings = vagrant.settings_for(order.nodes, report)
        vagrant.write(settings)
        vagrant.up(report)
        return self._finish(settings, report)

    def reset(self, report: Progress) -> Inventory:
        """Back to the snapshot of when they were made; without one they are made anew."""
        vagrant = self._vagrant()
        settings = vagrant.settings_for(None, report)
        if vagrant.has_snapshots():
            vagrant.restore(report)
            self._wake(settings)
        else:
            report("there is no snapshot of the machines: they are made anew")
            vagrant.destroy(report)
            vagrant.write(settings)
            vagrant.up(report)
        return self._finish(settings, report)

    def down(self, *, purge: bool) -> str:
        """Halt them, or destroy them; no error where none runs."""
        vagrant = self._vagrant()
        if not vagrant.exists():
            vagrant.forget()
            return "No cluster was running."
        self.home.inventory.unlink(missing_ok=True)
        if purge:
            vagrant.destroy()
            return "The virtual machines are gone, and the cluster's objects with them."
        vagrant.halt()
        return "The virtual machines are halted; `lab up` starts them again, with all their objects."

    def _vagrant(self) -> Vagrant:
        from vm.vagrant import Vagrant

        return Vagrant(self.folder)

    def _finish(self, settings: Settings, report: Progress) -> Inventory:
        """Make the machines a cluster, and keep how the new ones are then."""
        running = self._provision(settings, report)
        self._vagrant().keep_snapshots(report)
        return running

    def _wake(self, settings: Settings) -> None:
        """What was restored has connections of then, to machines that were kept a moment earlier or later."""
        running = inventory.of_vagrant(self.home.path, settings.plan, str(self.home.kubeconfig))
        for node in settings.plan.cluster_nodes:
            running.machine(node.name).run(["systemctl", "--no-block", "restart", SERVICES])

    def _provision(self, settings: Settings, report: Progress) -> Inventory:
        """Whatever there is already stays as it is; then the inventory says that the cluster runs."""
        from labs.guests import Archives, Guests
        from vm import survey, wheelhouse
        from vm.provision import provision

        running = inventory.of_vagrant(self.home.path, settings.plan, str(self.home.kubeconfig))
        nodes = settings.plan.cluster_nodes
        surveys = survey.survey({node.name: running.machine(node.name) for node in nodes})
        guest = survey.one(surveys)
        archives = Archives(wheelhouse.site(guest), wheelhouse.app(guest, self.folder))
        report(f"the packages for Python {guest.python} on {guest.machine}")
        guests = Guests(self.home, settings.plan, archives)
        api = f"https://127.0.0.1:{settings.api_port}"
        inventory.write(self.home.kubeconfig, guests.kubeconfig(api))
        variables = guests.variables({name: each.missing for name, each in surveys.items()})
        provision(self.folder / "ansible", self._vagrant().ssh_config(), variables, report)
        running.save(self.home.inventory)
        return running


def _refuse(order: Order) -> None:
    if order.root:
        raise UsageError(
            "`--root` is for the backend namespaces: a virtual machine has a root of its own",
            "`lab up --backend vagrant`",
        )
    if order.dual_stack:
        raise UsageError(
            "virtual machines have no IPv6 yet, so `--dual-stack` is for the backend namespaces",
            "`lab up --backend vagrant`, or another LAB_HOME and `lab up --dual-stack`",
        )
