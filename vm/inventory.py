"""The inventory: the one file by which a running cluster is known.

`lab up` writes it; the checker needs nothing else, so a hand-written one lets it judge a real cluster::

    {"schema": 1, "backend": "via", "plan": {…}, "kubeconfig": "/root/.kube/config",
     "machines": [{"name": "node-1", "via": ["ssh", "root@node-1"]}, {"name": "here", "via": []}]}

A machine with ``ssh`` is a virtual one, or with ``namespace`` too a helper in it (vm/virtual.py). One with
neither is made of namespaces.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vm import lock, virtual
from vm.errors import InventoryInvalid, MachineError, NotRunning
from vm.lock import Process
from vm.machine import Machine, Via
from vm.nsenter import Contained
from vm.plan import Plan, unknown_machine
from vm.virtual import VirtualMachine

SCHEMA = 1
BACKENDS = ("namespaces", "vagrant", "via")
Entries = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Inventory:
    """One running cluster; ``home`` is the folder that the file is in."""

    plan: Plan
    kubeconfig: str
    machines: Mapping[str, Machine]
    home: Path
    backend: str = "namespaces"
    init: Process | None = None
    entries: Entries = field(default=(), repr=False)

    def machine(self, name: str) -> Machine:
        """The machine called ``name``; raises MachineError with the names there are."""
        try:
            return self.machines[name]
        except KeyError:
            raise unknown_machine(name, list(self.machines)) from None

    def alive(self) -> bool:
        """Whether the cluster of this inventory still runs; a hand-written one is taken at its word."""
        return self.init is None or lock.holder(self.home) == self.init

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all, readable by its owner only."""
        value = {
            "schema": SCHEMA,
            "backend": self.backend,
            "plan": self.plan.to_json(),
            "kubeconfig": self.kubeconfig,
            "init": asdict(self.init) if self.init else None,
            "machines": list(self.entries),
        }
        write(path, json.dumps(value, indent=2) + "\n")


def of_namespaces(home: Path, plan: Plan, kubeconfig: str, init: Process) -> Inventory:
    """The inventory of a lab whose first process is ``init``."""
    entries = tuple({"name": node.name} for node in plan.nodes)
    return Inventory(plan, kubeconfig, _machines(entries, init, home), home, "namespaces", init, entries)


def of_vagrant(home: Path, plan: Plan, kubeconfig: str) -> Inventory:
    """The inventory of virtual machines: one a node, and the helpers in the control plane's."""
    first = plan.cluster_nodes[0].name
    entries = (
        *({"name": node.name, "ssh": node.name} for node in plan.cluster_nodes),
        *({"name": node.name, "ssh": first, "namespace": node.name} for node in plan.helpers),
    )
    return Inventory(plan, kubeconfig, _machines(entries, None, home), home, "vagrant", None, entries)


def load(path: Path) -> Inventory:
    """Read an inventory; raises NotRunning if there is no file, InventoryInvalid if it is not one."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotRunning(
            f"no cluster is running: there is no inventory {path}", "start one with `lab up`"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InventoryInvalid(f"cannot read the inventory {path}: {error}") from error
    try:
        return _from_json(json.loads(text), path)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InventoryInvalid(
            f"{path} is not an inventory: {type(error).__name__}: {error}",
            "`lab down` and `lab up` write a new one; vm/inventory.py shows the form of a hand-written one",
        ) from error


def _from_json(value: Mapping[str, Any], path: Path) -> Inventory:
    if value["schema"] != SCHEMA:
        raise ValueError(f"schema is {value['schema']!r}, this version reads {SCHEMA}")
    if value["backend"] not in BACKENDS:
        raise ValueError(f"backend is {value['backend']!r}, none of {', '.join(BACKENDS)}")
    init = Process(**value["init"]) if value.get("init") else None
    entries = tuple(value["machines"])
    home = path.resolve().parent
    return Inventory(
        plan=Plan.from_json(value["plan"]),
        kubeconfig=str(value["kubeconfig"]),
        machines=_machines(entries, init, home),
        home=home,
        backend=value["backend"],
        init=init,
        entries=entries,
    )


def _machines(entries: Entries, init: Process | None, home: Path) -> dict[str, Machine]:
    return {entry["name"]: _machine(entry, init, home) for entry in entries}


def _machine(entry: Mapping[str, Any], init: Process | None, home: Path) -> Machine:
    if "via" in entry:
        return Via(entry["name"], tuple(entry["via"]))
    if "ssh" in entry:
        config = home / virtual.FOLDER / virtual.CONFIG
        return VirtualMachine(entry["name"], config, entry["ssh"], entry.get("namespace", ""))
    if init is None:
        raise ValueError(f"machine {entry['name']!r} has no `via` and no `ssh`, and there is no `init`")
    return Contained(entry["name"], init)


def write(path: Path, text: str) -> None:
    """Replace a file whole (mode 0600); raises MachineError, e.g. on a full disk, and keeps the old one."""
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise MachineError(
            f"cannot write {path}: {error.strerror}",
            "make room there, or choose another folder with LAB_HOME",
        ) from error
