"""The Vagrant backend of `lab up`: a virtual machine a node, and the same services on them.

Vagrant makes the machines and boots them (vm.vagrant), Ansible makes them a cluster (vm.provision). Both are
asked every time, whatever state the machines are in: what is as it must be stays as it is, so `lab up` is
also what repairs. A halted cluster keeps its objects on control-1's disk.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labs.config import Home
from labs.errors import UsageError
from labs.order import NODES, Order
from labs.running import backend
from labs.show import Progress
from labs.summary import Pairs
from vm import inventory
from vm.inventory import Inventory
from vm.virtual import SETTINGS

if TYPE_CHECKING:
    from vm.vagrant import Vagrant
    from vm.vagrant_settings import Settings
    from vm.wheelhouse import Guest

SERVICES = "lab-a*.service"  # those of vm/ansible that a machine has: lab-agent, lab-apiserver


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
        file = self.folder / SETTINGS
        return file.stat().st_mtime if file.exists() else 0.0

    def runs(self) -> bool:
        """Whether they were brought up and not taken down since."""
        return backend(self.home) == self.name

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
        settings = vagrant.settings_for(order.nodes, NODES, report)
        vagrant.write(settings)
        vagrant.up(report)
        return self._finish(settings, report)

    def reset(self, report: Progress) -> Inventory:
        """Back to the snapshot of when they were made; without one they are made anew."""
        vagrant = self._vagrant()
        settings = vagrant.settings_for(None, NODES, report)
        vagrant.write(settings)
        if vagrant.has_snapshots():
            vagrant.restore(report)
            self._wake(settings)
            if self._same_code():
                return self._run(settings)
        else:
            report("there is no snapshot of the machines: they are made anew")
            vagrant.destroy(report)
            vagrant.up(report)
        return self._finish(settings, report)

    def down(self, *, purge: bool) -> str:
        """Halt them, or destroy them; no error where none runs."""
        vagrant = self._vagrant()
        if not vagrant.exists():
            if purge:
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
        archives = self._provision(settings, report)
        if self._vagrant().keep_snapshots(report):
            inventory.write(self._note, json.dumps(archives))
        return self._run(settings)

    @property
    def _note(self) -> Path:
        """With which code the machines were kept: their Python, and the names of both archives."""
        return self.folder / "kept.json"

    def _same_code(self) -> bool:
        """Whether what was restored has the code that runs here: then its roles have nothing to do."""
        from vm import wheelhouse

        try:
            kept = json.loads(self._note.read_text(encoding="utf-8"))
            guest = wheelhouse.Guest(*kept["guest"])
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return bool(kept == _code(guest, wheelhouse.site(guest), wheelhouse.app(guest, self.folder)))

    def _run(self, settings: Settings) -> Inventory:
        """Write down that the cluster runs, and how it is reached."""
        from labs.cluster import Identity

        api = f"https://127.0.0.1:{settings.api_port}"
        inventory.write(self.home.kubeconfig, Identity(self.home, settings.plan).kubeconfig(api))
        running = inventory.of_vagrant(self.home.path, settings.plan, str(self.home.kubeconfig))
        running.save(self.home.inventory)
        return running

    def _wake(self, settings: Settings) -> None:
        """What was restored has the time of then, and connections to machines kept a moment apart."""
        running = inventory.of_vagrant(self.home.path, settings.plan, str(self.home.kubeconfig))
        for node in settings.plan.cluster_nodes:
            script = f"date --utc --set @{time.time():.0f} && systemctl --no-block restart '{SERVICES}'"
            running.machine(node.name).run(["sh", "-c", script])

    def _provision(self, settings: Settings, report: Progress) -> dict[str, list[str]]:
        """Whatever there is already stays as it is; returns what code the machines have (``_note``)."""
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
        variables = guests.variables({name: each.missing for name, each in surveys.items()})
        provision(self.folder / "ansible", self._vagrant().ssh_config(), variables, report)
        return _code(guest, archives.site, archives.app)


def _code(guest: Guest, site: Path, app: Path) -> dict[str, list[str]]:
    return {"guest": [guest.python, guest.machine], "archives": [site.name, app.name]}


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
