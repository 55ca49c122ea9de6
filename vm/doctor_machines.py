"""What `lab up --backend vagrant` needs from this host: a row a need, with what was found.

Without Vagrant there is one row; who does not want virtual machines is not asked for their parts. All looks
are quick but one: where KVM is there but hangs, finding that out takes seconds, so it is found once a boot.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from vm import fabric, forward, kvm, remains, vagrant_settings
from vm.box import store
from vm.errors import MachineError
from vm.host import Found
from vm.needs import Need
from vm.probe import search_path
from vm.vagrant_settings import Settings

SPACE = 4 * 2**30  # bytes: the box, unpacked by Vagrant and by the provider, and machines with snapshots
SOCKET = Path("/run/libvirt/libvirt-sock")
VBOX = Path("/dev/vboxdrv")
UFW = Path("/etc/ufw/ufw.conf")
IMAGES = Path("/var/lib/libvirt/images")
PROVIDERS = {"virsh": "libvirt", "VBoxManage": "VirtualBox", "prlctl": "Parallels", "vmrun": "VMware"}
"""Providers by a program that comes with each."""

PROVIDER_CURE = (
    "Linux: `sudo apt-get install vagrant-libvirt libvirt-daemon-system libvirt-clients qemu-system-x86`; "
    "macOS, Windows: VirtualBox, or Parallels on Apple silicon; vm/README.md has the whole list"
)
MODULE_CURE = "`sudo apt-get install linux-headers-$(uname -r)`, then `sudo /sbin/vboxconfig`"
DHCP_CURE = "`sudo apt-get install dnsmasq-base`"
BOX_CURE = "`lab box build` makes one for this host"
MACHINES_CURE = "`lab up` goes on and makes what is missing; `lab down --purge` removes all of it"
KVM_WHY = "machines at the processor's own speed"
Row = tuple[Need, Found]


def findings(home: Path) -> list[tuple[Need, Found]]:
    """Each need with what was found, for a lab whose state folder is `home`."""
    there = shutil.which("vagrant")
    first = (
        need(
            "Vagrant", "virtual machines instead of namespaces", "`sudo apt-get install vagrant`; macOS: brew"
        ),
        (bool(there), there or "not installed: `lab up --backend vagrant` cannot run"),
    )
    return [first, *rows(home)] if there else [first]


def rows(home: Path) -> Sequence[Row]:
    """What else is looked at where Vagrant is there."""
    vagrant = home / "vagrant"
    settings = _settings(vagrant)
    return (
        (need("a provider", "what runs the machines", PROVIDER_CURE), provider()),
        (need("VirtualBox's module", "its part in the kernel", MODULE_CURE), virtualbox()),
        acceleration(),
        (need("addresses", "libvirt gives machines theirs by DHCP", DHCP_CURE), addresses()),
        (need("private network", "machines meet there", "take one of these cards down"), network(settings)),
        (
            need("API port", "kubectl on this host", "`lab down`, `lab up` takes another"),
            port(settings, vagrant),
        ),
        (need("disk", "box and machines", "make room there: 4 GiB"), disk(IMAGES, Path.home())),
        (need("box", "what machines start from", BOX_CURE), box()),
        (need("machines", "those of this lab", MACHINES_CURE), machines(settings, vagrant)),
    )


def need(name: str, why: str, cure: str) -> Need:
    """A need of no proxy mode: the cluster of namespaces does without."""
    return Need(name, why, cure, modes=())


def providers(path: str | None = None) -> list[str]:
    """The providers that are installed."""
    return [name for program, name in PROVIDERS.items() if shutil.which(program, path=path)]


def provider(path: str | None = None, libvirt: Path = SOCKET, plugins: Sequence[Path] = ()) -> Found:
    """Which providers are installed; of libvirt also whether Vagrant knows it and it answers this user."""
    names = providers(path)
    if "libvirt" not in names:
        return bool(names), ", ".join(names) or "none"
    if not any(place.exists() for place in plugins or _plugins()):
        return False, "libvirt is installed, Vagrant's plug-in for it is not (vagrant-libvirt)"
    if not libvirt.exists():
        return False, f"libvirt is installed but does not run (`sudo systemctl start libvirtd`): no {libvirt}"
    if not os.access(libvirt, os.W_OK):
        return False, f"{libvirt} is not for this user (`sudo adduser $USER libvirt`, then log in again)"
    return True, ", ".join([f"libvirt at {libvirt}", *names[1:]])


def _plugins() -> list[Path]:
    """Where vagrant-libvirt may be: of Debian, of Fedora, or as `vagrant plugin install` has it."""
    mine = Path(os.environ.get("VAGRANT_HOME", Path.home() / ".vagrant.d"))
    roots = (
        Path("/usr/share/rubygems-integration/all"),
        Path("/usr/share/vagrant/gems"),
        *mine.glob("gems/*"),
    )
    return [found for root in roots for found in root.glob("gems/vagrant-libvirt-*")]


def virtualbox(path: str | None = None, device: Path = VBOX) -> Found:
    """Whether VirtualBox, if it is there, has its module loaded."""
    if not shutil.which("VBoxManage", path=path):
        return True, "not needed: no VirtualBox"
    return device.exists(), f"{device}" if device.exists() else f"there is no {device}"


def acceleration(path: str | None = None) -> Row:
    """Whether a kernel boots on KVM; without it libvirt emulates machines, which is no fault but slow."""
    names = providers(path)
    if names and "libvirt" not in names:
        return need("KVM", KVM_WHY, ""), (True, f"not needed: {', '.join(names)} virtualises by itself")
    found = kvm.remembered()
    return need("KVM", KVM_WHY, found.cure or kvm.NESTED), (found.kvm, found.found)


def addresses(path: str | None = None, ufw: Path = UFW) -> Found:
    """Whether libvirt can give machines addresses; a firewall may still drop what they ask."""
    if "libvirt" not in providers(path):
        return True, "not needed: no libvirt"
    if not shutil.which("dnsmasq", path=search_path() if path is None else path):
        return False, "there is no dnsmasq"
    if ufw.exists() and "ENABLED=yes" in ufw.read_text(encoding="utf-8"):
        return True, "dnsmasq; ufw is on: if machines get none, `sudo ufw allow in on virbr1`"
    return True, "dnsmasq"


def network(settings: Settings | None, cards: dict[str, list[str]] | None = None) -> Found:
    """Which network machines would be in; that of machines which there are is theirs."""
    if settings:
        return True, f"{settings.plan.fabric}, that of this lab's machines"
    try:
        free, taken = fabric.free(fabric.addresses() if cards is None else cards)
    except MachineError as error:
        return False, str(error)
    return True, f"{free} is free" + (f", {taken} has {fabric.NETWORKS[0]}" if taken else "")


def port(settings: Settings | None, folder: Path) -> Found:
    """Whether the API server's port is free, leads to this lab's machines, or is somebody else's."""
    if settings is None:
        return True, "a free one is taken by `lab up`"
    name = f"127.0.0.1:{settings.api_port}"
    if not forward.taken(settings.api_port):
        return True, f"{name} is free"
    if forward.ours(folder, settings.api_port):
        return True, f"{name} leads to this lab's machines"
    if "libvirt" in providers():
        return False, f"{name} is another program's: `ss -ltnp` says whose"
    return True, f"{name} is in use: by this lab, if its machines run"


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


def machines(settings: Settings | None, folder: Path) -> Found:
    """Whether all that were wanted are made, and the provider knows no others of this lab."""
    if settings is None:
        return True, "none were made"
    made = {note.parent.parent.name for note in folder.glob(".vagrant/machines/*/*/id")}
    if lost := [name for name in remains.domains(settings) if name not in made]:
        return False, f"an interrupted `lab up` has left {', '.join(lost)}"
    told = f"{len(made)} of {settings.nodes} are made"
    return made >= set(settings.machines), told


def _settings(folder: Path) -> Settings | None:
    try:
        return vagrant_settings.read(folder / "machines.yaml")
    except MachineError:
        return None
