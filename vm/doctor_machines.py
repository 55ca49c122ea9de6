"""What `lab up --backend vagrant` needs from this host: a row a need, with what was found.

Without Vagrant there is one row; who does not want virtual machines is not asked for their parts. All looks
are quick but one: where KVM is there but hangs, finding that out takes seconds, so it is found once a boot.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from vm import fabric, kvm, vagrant_settings
from vm.box import store
from vm.errors import MachineError
from vm.host import Found
from vm.needs import Need
from vm.vagrant_settings import Settings

SPACE = 3 * 2**30  # bytes: the box unpacked by Vagrant and by the provider, and what machines write
SOCKET = Path("/run/libvirt/libvirt-sock")
VBOX = Path("/dev/vboxdrv")
IMAGES = Path("/var/lib/libvirt/images")
PROVIDERS = {"virsh": "libvirt", "VBoxManage": "VirtualBox", "prlctl": "Parallels", "vmrun": "VMware"}
"""Providers by a program that comes with each."""

PROVIDER_CURE = (
    "Linux: `sudo apt-get install vagrant-libvirt libvirt-daemon-system libvirt-clients qemu-system-x86`; "
    "macOS, Windows: VirtualBox, or Parallels on Apple silicon; vm/README.md has the whole list"
)
BOX_CURE = "`lab box build` makes one for this host"
Row = tuple[Need, Callable[[], Found]]


def findings(home: Path) -> list[tuple[Need, Found]]:
    """Each need with what was found, for a lab whose state folder is `home`."""
    there = shutil.which("vagrant")
    first = (
        need(
            "Vagrant", "virtual machines instead of namespaces", "`sudo apt-get install vagrant`; macOS: brew"
        ),
        (bool(there), there or "not installed: `lab up --backend vagrant` cannot run"),
    )
    return [first, *((row, look()) for row, look in rows(home))] if there else [first]


def rows(home: Path) -> Sequence[Row]:
    """What else is looked at where Vagrant is there."""
    settings = _settings(home)
    return (
        (need("a provider", "what runs the machines", PROVIDER_CURE), provider),
        (
            need(
                "VirtualBox's module",
                "its part in the kernel",
                "`sudo apt-get install linux-headers-$(uname -r)`, then `sudo /sbin/vboxconfig`",
            ),
            virtualbox,
        ),
        (need("KVM", "machines at the processor's own speed", kvm.NESTED), acceleration),
        (
            need("private network", "machines meet there", "take one of these cards down"),
            lambda: network(settings),
        ),
        (
            need("API port", "kubectl on this host", "end who has it (`ss -ltnp`), or `lab down --purge`"),
            lambda: port(settings),
        ),
        (need("disk", "box and machines", "make room there: 3 GiB"), lambda: disk(IMAGES, Path.home())),
        (need("box", "what machines start from", BOX_CURE), box),
    )


def need(name: str, why: str, cure: str) -> Need:
    """A need of no proxy mode: the cluster of namespaces does without."""
    return Need(name, why, cure, modes=())


def provider(path: str | None = None, libvirt: Path = SOCKET) -> Found:
    """Which providers are installed, and whether libvirt answers this user."""
    names = [name for program, name in PROVIDERS.items() if shutil.which(program, path=path)]
    if names != ["libvirt"]:
        return bool(names), ", ".join(names) or "none"
    if not libvirt.exists():
        return False, f"libvirt is installed but does not run (`sudo systemctl start libvirtd`): no {libvirt}"
    return os.access(libvirt, os.W_OK), f"libvirt at {libvirt}"


def virtualbox(path: str | None = None, device: Path = VBOX) -> Found:
    """Whether VirtualBox, if it is there, has its module loaded."""
    if not shutil.which("VBoxManage", path=path):
        return True, "not needed: no VirtualBox"
    return device.exists(), f"{device}" if device.exists() else f"there is no {device}"


def acceleration() -> Found:
    """Whether a kernel boots on KVM; without it machines are emulated, which is no fault but slow."""
    found = kvm.remembered()
    return found.kvm, found.found


def network(settings: Settings | None, cards: dict[str, list[str]] | None = None) -> Found:
    """Which network machines would be in; that of machines which there are is theirs."""
    if settings:
        return True, f"{settings.plan.fabric}, that of this lab's machines"
    try:
        free, taken = fabric.free(fabric.addresses() if cards is None else cards)
    except MachineError as error:
        return False, str(error)
    return True, f"{free} is free" + (f", {taken} has {fabric.NETWORKS[0]}" if taken else "")


def port(settings: Settings | None) -> Found:
    """Whether the API server's port can be listened on, or leads somewhere already."""
    if settings is None:
        return True, "a free one is taken by `lab up`"
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind(("127.0.0.1", settings.api_port))
        except OSError:
            return True, f"127.0.0.1:{settings.api_port} is in use: by this lab, if its machines run"
    return True, f"127.0.0.1:{settings.api_port} is free"


def disk(*places: Path) -> Found:
    """The least room there is where disks are kept."""
    rooms = {}
    for place in places:
        there = next(path for path in (place, *place.parents) if path.exists())
        rooms[str(there)] = shutil.disk_usage(there).free
    least = min(rooms, key=lambda name: rooms[name])
    return rooms[least] >= SPACE, f"{least}: {rooms[least] / 2**30:.1f} GiB free"


def box(place: Path | None = None) -> Found:
    """The box that was built here, or that there is none."""
    built, wanted = store.find(place), store.architecture()
    if built is None:
        return True, f"none was built: `lab up` takes {vagrant_settings.CATALOGUE.get(wanted, 'none')}"
    if built.architecture != wanted:
        return False, f"{built.archive} is for {built.architecture}, this host is {wanted}"
    if not built.current:
        return False, f"{built.archive} of {built.made} is older than this lab"
    return True, f"{built.archive}, made {built.made}"


def _settings(home: Path) -> Settings | None:
    try:
        return vagrant_settings.read(home / "vagrant" / "machines.yaml")
    except MachineError:
        return None
