"""The virtual machines of one state folder, by Vagrant.

``up`` is for machines in any state: not made, half made, halted, suspended, running. Vagrant remembers which
there are (`.vagrant` in the folder) and does what is missing. What it cannot mend by itself, the remains of a
machine that it was killed in making, is removed and made anew.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from vm import command, fabric, inventory, kvm, vagrant_faults, vagrant_settings, virtual
from vm.box import store
from vm.errors import CommandFailed, HostCannot, MachineError
from vm.plan import plan
from vm.vagrant_cli import Report, Spoken
from vm.vagrant_settings import Settings

NODES = 3
SETTINGS = "machines.yaml"
VAGRANTFILE = Path(__file__).parent / "Vagrantfile"
POWER_OFF = ("sudo", "-n", "systemctl", "--force", "poweroff")
RUNNING = "running"


def silent(_: str) -> None:
    """Who wants to hear nothing."""


class Vagrant:
    """``folder`` holds all of it: Vagrantfile, machines.yaml, Vagrant's own notes, ssh's configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def exists(self) -> bool:
        """Whether Vagrant has made a machine here, running or not."""
        return any(self.folder.glob(".vagrant/machines/*/*/id"))

    def settings(self) -> Settings | None:
        """What machines.yaml says; None before the first ``write``."""
        return vagrant_settings.read(self.folder / SETTINGS)

    def settings_for(self, nodes: int | None, report: Report = silent) -> Settings:
        """Settings for that many nodes: those of the machines that there are, or new ones.

        Takes up to 15 s for new ones, in which KVM is tried. Raises MachineError for fewer than there are.
        """
        known = self.settings() if self.exists() else None
        if known:
            return vagrant_settings.grown(known, nodes or known.nodes)
        box = store.find()
        found = kvm.remembered()
        report(found.found)
        if box and not box.current:
            report(f"the box of {box.made} is older than this lab: `lab box build` makes a new one")
        network, taken = fabric.free(fabric.addresses())
        if taken:
            report(f"the machines' network is {network}: {taken} has the usual one")
        wanted = fabric.moved(plan((nodes or NODES) - 1), network)
        return vagrant_settings.make(self.folder, wanted, box, found)

    def write(self, settings: Settings) -> None:
        """Put the files there that Vagrant reads: Vagrantfile, settings, the box's key, the emulator."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        inventory.write(self.folder / "Vagrantfile", VAGRANTFILE.read_text(encoding="utf-8"))
        box = store.find()
        key = self.folder / "key"
        if settings.key and box and not key.exists():
            inventory.write(key, box.key.read_text(encoding="ascii"))
        if "emulator_path" in settings.libvirt:
            emulator = Path(settings.libvirt["emulator_path"])
            inventory.write(emulator, vagrant_settings.emulator())
            emulator.chmod(0o755)
        inventory.write(self.folder / SETTINGS, settings.text())

    def up(self, report: Report) -> None:
        """Make, boot or wake whatever does not run; raises HostCannot, MachineError with the cure."""
        before = self.status()
        self._end_forwards([name for name, state in before.items() if state != RUNNING])
        if not all(state == RUNNING for state in before.values()):
            self._spoken(report, lambda spoken: self._make(spoken, report))
        elif not self._forwarded():
            report("the API server's port is forwarded anew")
            self._spoken(report, lambda spoken: spoken.reload(next(iter(before)), provision=False))
        self._write_ssh_config()

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
        config = self.folder / virtual.CONFIG
        if config.exists():
            virtual.hang_up(config, list((self.settings() or vagrant_settings.NONE).machines))
        self._spoken(report, lambda spoken: spoken.destroy())
        self._end_forwards(["*"])

    def ssh_config(self) -> Path:
        """ssh's configuration file, a host a machine, one connection for all commands to it."""
        path = self.folder / virtual.CONFIG
        if not path.exists():
            self._write_ssh_config()
        return path

    def snapshot(self, name: str) -> None:
        """Keep the state of all machines under that name; raises MachineError where the provider cannot."""
        self._spoken(silent, lambda spoken: spoken.snapshot_save(name))

    def restore(self, name: str) -> None:
        """Go back to the state of that name."""
        self._spoken(silent, lambda spoken: spoken.snapshot_restore(name))

    def _make(self, spoken: Spoken, report: Report) -> None:
        """`vagrant up`; once more when remains were in the way."""
        try:
            spoken.up()
        except CommandFailed as error:
            if not vagrant_faults.REMAINS.search(error.stderr):
                raise
            report("remains of an interrupted `lab up` are removed")
            self._remove_remains(spoken)
            spoken.up()

    def _remove_remains(self, spoken: Spoken) -> None:
        """Of machines that Vagrant does not know: what libvirt knows under our names, and their disks."""
        settings = self.settings() or vagrant_settings.NONE
        for row in spoken.status():
            if row.state == "not_created":
                domain = settings.prefix + row.name
                for words in (("destroy", domain), ("undefine", domain)):
                    with contextlib.suppress(MachineError):
                        command.run(["virsh", "--connect", "qemu:///system", *words], check=False)
                spoken.destroy(row.name)

    def _write_ssh_config(self) -> None:
        said: list[str] = []
        self._spoken(silent, lambda spoken: said.append(spoken.ssh_config()))
        inventory.write(self.folder / virtual.CONFIG, virtual.shared(said[0], self.folder))

    def _forwarded(self) -> bool:
        """Whether the API server's port of this host leads anywhere."""
        port = (self.settings() or vagrant_settings.NONE).api_port
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
            return True
        return False

    def _end_forwards(self, machines: Sequence[str]) -> None:
        """vagrant-libvirt forwards ports by an ssh, which may outlive a machine and then holds the port."""
        for name in machines:
            for file in self.folder.glob(f".vagrant/machines/{name}/libvirt/pids/ssh_*.pid"):
                with contextlib.suppress(OSError, ValueError):
                    pid = int(file.read_text())
                    program = Path(f"/proc/{pid}/cmdline").read_text().partition("\0")[0]
                    if Path(program).name == "ssh":  # a pid is soon another's
                        os.kill(pid, signal.SIGTERM)

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
