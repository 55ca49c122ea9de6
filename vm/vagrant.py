"""The virtual machines of one state folder, by Vagrant.

``up`` is for machines in any state: not made, half made, halted, suspended, running. Vagrant remembers which
there are (`.vagrant` in the folder) and does what is missing. What it cannot mend by itself, the remains of a
machine that it was killed in making, is removed and made anew.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from vm import command, fabric, forward, inventory, kvm, remains, vagrant_faults, vagrant_settings, virtual
from vm.box import store
from vm.box.store import Box
from vm.errors import CommandFailed, HostCannot, MachineError
from vm.plan import plan
from vm.vagrant_cli import Report, Spoken
from vm.vagrant_settings import Settings

VAGRANTFILE = Path(__file__).parent / "Vagrantfile"
POWER_OFF = ("sudo", "-n", "systemctl", "--force", "poweroff")
RUNNING = "running"
MISSING = "not_created"
IDS = ".vagrant/machines/*/*/id"  # of machines that there are
LIBVIRT = "libvirt"
SNAPSHOT = "made"
SNAPSHOTS = "snapshots"  # the machines that have it


def silent(_: str) -> None:
    """Who wants to hear nothing."""


class Vagrant:
    """``folder`` holds all of it: Vagrantfile, machines.yaml, Vagrant's own notes, ssh's configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def exists(self) -> bool:
        """Whether Vagrant has made a machine here, running or not."""
        return any(self.folder.glob(IDS))

    def settings(self) -> Settings | None:
        """What machines.yaml says; None before the first ``write``."""
        return vagrant_settings.read(self.folder / virtual.SETTINGS)

    def provider(self) -> str:
        """Which provider machines have or would get: Vagrant takes the Vagrantfile's first that is there."""
        for note in self.folder.glob(IDS):
            return note.parent.name
        if chosen := os.environ.get("VAGRANT_DEFAULT_PROVIDER"):
            return chosen
        plugins: list[str] = []
        self._spoken(silent, lambda spoken: plugins.extend(plugin.name for plugin in spoken.plugin_list()))
        return LIBVIRT if "vagrant-libvirt" in plugins else "another"

    def settings_for(self, nodes: int | None, usual: int, report: Report = silent) -> Settings:
        """Settings for that many nodes: those of the machines that there are, or new ones (None: `usual`).

        Takes up to 15 s for new ones, in which KVM is tried. Raises MachineError for fewer than there are.
        """
        known = self.settings()
        if known and self.exists():
            return self._with_a_free_port(vagrant_settings.grown(known, nodes or known.nodes), report)
        self.forget()
        libvirt = self.provider() == LIBVIRT
        box, found = _box(libvirt, report), kvm.Acceleration(True, "")
        if libvirt:
            found = kvm.remembered()
            report(found.found)
        cards = fabric.addresses()
        network, taken = fabric.free(cards)
        if taken:
            report(f"the machines' network is {network}: {taken} has the usual one")
        wanted = fabric.moved(plan((nodes or usual) - 1), network)
        made = vagrant_settings.make(self.folder, wanted, box, found)
        return made.with_libvirt(_management(cards, report)) if libvirt else made

    def write(self, settings: Settings) -> None:
        """Put the files there that Vagrant reads: Vagrantfile, settings, the box's key, programs."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        inventory.write(self.folder / "Vagrantfile", VAGRANTFILE.read_text(encoding="utf-8"))
        box = store.find()
        key = self.folder / "key"
        if settings.key and box and (box.name == settings.box or not key.exists()):
            inventory.write(key, box.key.read_text(encoding="ascii"))
        if settings.script:
            script = vagrant_settings.NETWORK_SCRIPT
            inventory.write(self.folder / script.name, script.read_text(encoding="utf-8"))
        if "emulator_path" in settings.libvirt:
            emulator = Path(settings.libvirt["emulator_path"])
            inventory.write(emulator, vagrant_settings.emulator())
            emulator.chmod(0o755)
        inventory.write(self.folder / virtual.SETTINGS, settings.text())

    def up(self, report: Report) -> None:
        """Make, boot or wake whatever does not run; raises HostCannot, MachineError with the cure."""
        before = self.status()
        for name, state in before.items():
            if state != RUNNING:
                forward.end(self.folder, name)
        self._keep_noted([name for name, state in before.items() if state != MISSING])
        if not all(state == RUNNING for state in before.values()):
            self._remove_unfinished(before, report)
            self._spoken(report, lambda spoken: self._make(spoken, report))
        self._write_ssh_config()
        self._lead(before, report)

    def status(self) -> dict[str, str]:
        """Each machine's state by its name, in Vagrant's words: running, not_created, shutoff…"""
        found: dict[str, str] = {}
        self._spoken(silent, lambda spoken: found.update({row.name: row.state for row in spoken.status()}))
        return found

    def halt(self, report: Report = silent) -> None:
        """Switch them off, all at once; the disks stay."""
        config = self.folder / virtual.CONFIG
        running = [name for name, state in self.status().items() if state == RUNNING]
        if config.exists():
            leaving = [command.start(["ssh", "-F", str(config), name, *POWER_OFF]) for name in running]
            for each in leaving:
                with contextlib.suppress(MachineError):  # one that does not answer is Vagrant's to end
                    each.finish(20, check=False)
            virtual.hang_up(config, running)
        self._spoken(report, lambda spoken: spoken.halt())

    def destroy(self, report: Report = silent) -> None:
        """Remove them with their disks and networks; the box stays for the next."""
        self._hang_up()
        forward.end(self.folder, "*")
        try:
            self.settings()
        except MachineError:  # Vagrant cannot read them either
            self.forget()
            return
        self._spoken(report, lambda spoken: spoken.destroy())
        (self.folder / SNAPSHOTS).unlink(missing_ok=True)
        virtual.forget(self.folder)
        known = self._known()
        remains.remove(known, remains.domains(known))

    def ssh_config(self) -> Path:
        """ssh's configuration file, a host a machine, one connection for all commands to it."""
        path = self.folder / virtual.CONFIG
        if not path.exists():
            self._write_ssh_config()
        return path

    def has_snapshots(self) -> bool:
        """Whether there is one of every machine."""
        made = {note.parent.parent.name for note in self.folder.glob(IDS)}
        return bool(made) and made >= set(self._known().machines) and not self._without_snapshot()

    def keep_snapshots(self, report: Report) -> bool:
        """Keep the state of the machines that have no snapshot yet; a provider that cannot is no error.

        Returns whether all of them are of now.
        """
        names = self._without_snapshot()
        at_once = bool(names) and not self._snapshots()  # Vagrant takes two seconds to start
        try:
            for name in [""] if at_once else names:
                self._spoken(silent, partial(Spoken.save, machine=name, name=SNAPSHOT))
        except MachineError as error:
            report(f"no snapshots, so `lab reset --machines` will take longer: {error}")
            return False
        if names:
            inventory.write(self.folder / SNAPSHOTS, " ".join([*self._snapshots(), *names]))
            report(f"snapshots of {', '.join(names)} as they are now, for `lab reset --machines`")
        return at_once

    def restore(self, report: Report = silent) -> None:
        """Every machine as its snapshot has it: memory, disks, and then the way in.

        Connections are of the time that is over: the machine knows them as they were then.
        """
        self._hang_up()
        forward.end(self.folder, "*")
        self._spoken(report, lambda spoken: spoken.restore(SNAPSHOT))
        self.up(report)

    def forget(self) -> None:
        """Remove what there is of machines that were begun and never known to Vagrant."""
        virtual.forget(self.folder)
        if (self.folder / virtual.SETTINGS).exists():
            remains.remove_all(self._known())

    def _hang_up(self) -> None:
        """Close all connections to the machines, if there were any."""
        config = self.folder / virtual.CONFIG
        if config.exists():
            virtual.hang_up(config, list(self._known().machines))

    def _known(self) -> Settings:
        """What machines.yaml says; where it cannot be read, what follows from the folder."""
        with contextlib.suppress(MachineError):
            if known := self.settings():
                return known
        return vagrant_settings.named(self.folder)

    def _snapshots(self) -> list[str]:
        """The machines with a snapshot."""
        note = self.folder / SNAPSHOTS
        return note.read_text(encoding="utf-8").split() if note.exists() else []

    def _keep_noted(self, made: list[str]) -> None:
        """A snapshot is gone with its machine, whoever destroyed it."""
        noted = self._snapshots()
        if kept := [name for name in noted if name in made]:
            if kept != noted:
                inventory.write(self.folder / SNAPSHOTS, " ".join(kept))
        else:
            (self.folder / SNAPSHOTS).unlink(missing_ok=True)

    def _without_snapshot(self) -> list[str]:
        there = self._snapshots()
        return [name for name in self._known().machines if name not in there]

    def _make(self, spoken: Spoken, report: Report) -> None:
        """`vagrant up`; once more when remains were in the way."""
        try:
            spoken.up()
        except CommandFailed as error:
            if not vagrant_faults.REMAINS.search(error.stderr):
                raise
            report("remains of an interrupted `lab up` are removed")
            known = self._known()
            remains.remove(known, [row.name for row in spoken.status() if row.state == MISSING])
            if not self.exists():
                remains.remove_all(known)
            spoken.up()

    def _remove_unfinished(self, before: Mapping[str, str], report: Report) -> None:
        known = self.settings()
        if known is None or self.provider() != LIBVIRT or not self.exists():
            return
        for name in remains.unfinished(known):
            if before.get(name) != RUNNING:
                report(f"{name} was never finished: it is made anew")
                self._spoken(silent, partial(Spoken.destroy, vm_name=name))

    def _write_ssh_config(self) -> None:
        said: list[str] = []
        self._spoken(silent, lambda spoken: said.append(spoken.ssh_config()))
        inventory.write(self.folder / virtual.CONFIG, virtual.shared(said[0], self.folder))

    def _with_a_free_port(self, known: Settings, report: Report) -> Settings:
        """The same, with another port for the API server where its own is another program's."""
        port = known.api_port
        if not forward.taken(port) or self._has(port):
            return known
        other = forward.free_port()
        report(f"port {port} of this host is another program's by now: the API server's is {other}")
        return replace(known, api_port=other)

    def _has(self, port: int) -> bool:
        """Whether it is this lab's own: an ssh's, or with other providers that of a machine which runs."""
        if self.provider() == LIBVIRT:
            return forward.ours(self.folder, port)
        return next(iter(self.status().values())) == RUNNING

    def _lead(self, before: Mapping[str, str], report: Report) -> None:
        """See that the API server's port leads to the first machine."""
        port = self._known().api_port
        provider, first = self.provider(), next(iter(before))
        if forward.leads(self.folder, port, provider):
            return
        if provider == LIBVIRT:
            report("the API server's port is forwarded anew")
            forward.end(self.folder, first)
            forward.begin(self.folder, port, first)
        elif before[first] == RUNNING:  # one that was booted now has it, or Vagrant had said why not
            report("the API server's port is forwarded anew")
            self._spoken(report, lambda spoken: spoken.reload(first, provision=False))

    def _spoken(self, report: Report, act: Callable[[Spoken], object]) -> None:
        """Do something with Vagrant; its failures become the lab's errors."""
        if shutil.which("vagrant") is None:
            raise HostCannot(
                "Vagrant is not installed: there is no program `vagrant`",
                "vm/README.md says what to install; on Debian and Ubuntu: `sudo apt-get install vagrant "
                "vagrant-libvirt libvirt-daemon-system`",
            )
        try:
            act(Spoken(self.folder, report))
        except CommandFailed as error:
            raise vagrant_faults.of(error.stderr) from error


def _management(cards: Mapping[str, list[str]], report: Report) -> Mapping[str, str]:
    """vagrant-libvirt's own network, where it is not the usual one; whose that is, is said."""
    found, taken = fabric.management(cards, fabric.bridge())
    if taken:
        address = found.get("management_network_address", "none: all that are tried are taken")
        report(f"Vagrant's own network is {address}: {taken} has the usual one")
    return found


def _box(libvirt: bool, report: Report) -> Box | None:
    """The box that was built here, if it fits; what does not is said."""
    box = store.find()
    if box is None:
        return None
    if not libvirt:
        report("the box that was built is for libvirt: the catalogue's is taken")
    elif box.architecture != store.architecture():
        report(f"the box that was built is for {box.architecture}, not {store.architecture()}: not taken")
    else:
        if not box.current:
            report(f"the box of {box.made} is older than this lab: `lab box build` makes a new one")
        return box
    return None
