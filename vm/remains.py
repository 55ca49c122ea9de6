"""What Vagrant has made and does not know: a `lab up` was killed, or the host went down, before it was noted.

All of it has names of this lab's own (`prefix`, `network` of machines.yaml), so it can be told from others'.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from vm import providers
from vm.vagrant_settings import Settings

POOL = "default"  # where vagrant-libvirt keeps disks
BUILT = "kube-proxy-lab-"  # how the names of boxes begin that `lab box build` has made


def domains(settings: Settings) -> list[str]:
    """The machines of this lab that libvirt knows, running or not, by the lab's names."""
    known = providers.virsh("list", "--all", "--name").split()
    return [name.removeprefix(settings.prefix) for name in known if name.startswith(settings.prefix)]


def unfinished(settings: Settings) -> list[str]:
    """The machines without all of their network cards.

    vagrant-libvirt notes a machine, then plugs its cards in; killed in between it takes it for whole, boots
    it and waits for an address that cannot come.
    """
    found = []
    for name, addresses in settings.machines.items():
        rows = providers.virsh("domiflist", settings.prefix + name).splitlines()[2:]
        if rows and sum(bool(row.strip()) for row in rows) < 1 + len(addresses):
            found.append(name)
    return found


def remove(settings: Settings, machines: Iterable[str]) -> None:
    """These machines, with their disks; that there are none, or no such provider, is no error."""
    for name in (settings.prefix + machine for machine in machines):
        providers.virsh("destroy", name)
        providers.virsh("undefine", name, "--snapshots-metadata")
        providers.virsh("vol-delete", f"{name}.img", "--pool", POOL)
        providers.asked("VBoxManage", "controlvm", name, "poweroff")
        providers.asked("VBoxManage", "unregistervm", name, "--delete")


def remove_all(settings: Settings) -> None:
    """Everything, of a lab of which Vagrant knows no machine any more."""
    remove(settings, dict.fromkeys([*settings.machines, *domains(settings)]))
    providers.virsh("net-destroy", settings.network)
    providers.virsh("net-undefine", settings.network)
    _remove_image(settings.box)


def _remove_image(box: str) -> None:
    """libvirt's copy of a box of ours, which may be half of one; not while another lab's disks rest on it."""
    if not box.startswith(BUILT):
        return
    volumes = [line.split()[0] for line in providers.virsh("vol-list", POOL).splitlines()[2:] if line.strip()]
    if any(re.match(r"lab-[0-9a-f]{6}-", volume) for volume in volumes):
        return
    for volume in volumes:
        if volume.startswith(f"{box}_vagrant_box_image_"):
            providers.virsh("vol-delete", volume, "--pool", POOL)
