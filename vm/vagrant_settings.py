"""What one lab's virtual machines are: the few facts in machines.yaml that vm/Vagrantfile reads.

They are written before the first `up` and then stay, so that `lab up` after `lab down`, and `vagrant` typed
by hand in the state folder, mean the same machines.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from vm import fabric, forward, kvm
from vm.box import build, store
from vm.box.store import Box
from vm.errors import MachineError
from vm.kvm import Acceleration
from vm.plan import Plan, plan

CATALOGUE = {"amd64": "debian/bookworm64", "arm64": "bento/debian-12"}
NETWORK_SCRIPT = Path(__file__).parent / "box/guest/usr/local/sbin/lab-network"
Options = Mapping[str, Any]
VIRT: Options = {"machine_type": "virt", "features": [], "inputs": []}
"""Of arm64: vagrant-libvirt's usual features (ACPI, which needs UEFI there) and PS/2 mouse are a PC's."""
EMULATED: Mapping[str, Options] = {
    # qemu64 has no AVX: C libraries use it where they can, and emulating it is slower than doing without.
    "amd64": {"driver": "qemu", "cpu_mode": "custom", "cpu_model": "qemu64"},
    "arm64": {"driver": "qemu", "cpu_mode": "custom", "cpu_model": "cortex-a57", **VIRT},
}
ON_KVM: Mapping[str, Options] = {
    "amd64": {"driver": "kvm", "cpu_mode": "host-passthrough"},
    "arm64": {"driver": "kvm", "cpu_mode": "host-passthrough", **VIRT},
}
FRUGAL = 384  # MiB a machine of our own box, of which the cluster takes 150 to 210
EMULATOR = "emulator"
EMULATOR_TEXT = """\
#!/bin/sh
# QEMU, with a smaller cache of translated code: some 120 MiB beside the machine's own memory.
for word do
    shift
    [ "$word" != tcg ] || word=tcg,thread=multi,tb-size=128
    set -- "$@" "$word"
done
exec {program} "$@"
"""
CONFINED = (Path("/sys/module/apparmor/parameters/enabled"), Path("/sys/fs/selinux/enforce"))
"""Where one of these says yes, libvirt may start QEMU from its usual place only."""
QEMU_CONF = Path("/etc/libvirt/qemu.conf")


@dataclass(frozen=True, slots=True)
class Settings:
    """machines.yaml, field by field; `vm/machines.yaml` says what each is."""

    machines: Mapping[str, list[str]]
    box: str
    network: str
    prefix: str
    api_port: int
    box_url: str = ""
    key: str = ""
    cmdline: str = ""
    script: str = ""
    memory: int = 512
    cpus: int = 1
    libvirt: Options = field(default_factory=dict)

    @property
    def nodes(self) -> int:
        """How many machines there are."""
        return len(self.machines)

    @property
    def plan(self) -> Plan:
        """The plan that these machines follow."""
        first = next(iter(self.machines.values()))[0]
        return fabric.moved(plan(self.nodes - 1), f"{first.rpartition('.')[0]}.0/24")

    def with_libvirt(self, more: Options) -> Settings:
        """The same with these settings of vagrant-libvirt, too."""
        return replace(self, libvirt={**self.libvirt, **more})

    def text(self) -> str:
        """As it stands in the file."""
        return yaml.safe_dump(asdict(self), sort_keys=False)


def read(path: Path) -> Settings | None:
    """The settings in that file, if there is one; raises MachineError for another form."""
    try:
        known: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Settings(**known)
    except FileNotFoundError:
        return None
    except (OSError, TypeError, ValueError, yaml.YAMLError) as error:
        raise MachineError(
            f"{path} cannot be read: {error}", "`lab down --purge` forgets it and these machines"
        ) from error


def named(folder: Path) -> Settings:
    """What is known without a file: the names, which follow from the folder, and Vagrant's machines there."""
    mark = hashlib.sha256(str(folder).encode()).hexdigest()[:6]  # two labs of one host have other names
    machines: dict[str, list[str]] = {each.name: [] for each in folder.glob(".vagrant/machines/*")}
    return Settings(machines, box="", network=f"lab-{mark}", prefix=f"lab-{mark}-", api_port=0)


def make(folder: Path, wanted: Plan, box: Box | None, acceleration: Acceleration) -> Settings:
    """Settings for new machines, whose files are in `folder`."""
    architecture = store.architecture()
    choice = dict((ON_KVM if acceleration.kvm else EMULATED).get(architecture, {}))
    if not acceleration.kvm and as_root() and not confined():
        choice["emulator_path"] = str(folder / EMULATOR)
    return replace(
        named(folder),
        machines=machines(wanted),
        api_port=forward.free_port(),
        libvirt=choice,
        **_of_box(box, folder, architecture),
    )


def grown(known: Settings, nodes: int) -> Settings:
    """The same machines and, where more are wanted, others beside them."""
    if nodes < known.nodes:
        raise MachineError(
            f"there are {known.nodes} virtual machines, and {nodes} nodes are fewer",
            f"`lab down --purge`, then `lab up --backend vagrant --nodes {nodes}`",
        )
    wanted = fabric.moved(plan(nodes - 1), known.plan.fabric)
    return replace(known, machines={**known.machines, **machines(wanted)})


def emulator() -> str:
    """The program that libvirt starts instead of QEMU where it emulates."""
    program = kvm.QEMU.get(store.architecture(), kvm.QEMU["amd64"])[0]
    return EMULATOR_TEXT.format(program=shutil.which(program) or f"/usr/bin/{program}")


def as_root(file: Path = QEMU_CONF) -> bool:
    """Whether libvirt runs QEMU as root; its usual user may not enter a state folder, to start a program."""
    try:
        return re.search(r'(?m)^\s*user\s*=\s*"root"', file.read_text(encoding="utf-8")) is not None
    except OSError:  # only root may read it, as Debian has it
        return False


def confined(files: tuple[Path, ...] = CONFINED) -> bool:
    """Whether AppArmor or SELinux watches over libvirt here."""
    said = (path.read_text(encoding="ascii").strip() for path in files if path.exists())
    return any(word in ("Y", "1") for word in said)


def machines(wanted: Plan) -> dict[str, list[str]]:
    """The addresses of each machine's cards; the helpers' cards are in control-1."""
    addresses = {node.name: [node.address] for node in wanted.cluster_nodes}
    next(iter(addresses.values())).extend(helper.address for helper in wanted.helpers)
    return addresses


def _of_box(box: Box | None, folder: Path, architecture: str) -> dict[str, Any]:
    if box is None:
        return {"box": CATALOGUE.get(architecture, CATALOGUE["amd64"]), "script": NETWORK_SCRIPT.name}
    return {
        "box": box.name,
        "box_url": box.archive.as_uri(),
        "key": str(folder / "key"),
        "cmdline": build.cmdline(box.architecture),
        "memory": FRUGAL,
    }
