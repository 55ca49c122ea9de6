"""Whether virtual machines run on the processor here, or have to be emulated.

`/dev/kvm` says little: inside of another virtual machine it may be there and a guest's kernel still hangs or
takes QEMU down with it, although smaller things run. So a whole kernel is booted, without a disk: it gives up
(panic), QEMU ends, and what counts is that it came that far in time.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from vm import command
from vm.box import store
from vm.box.store import Box
from vm.errors import CommandNotFound, CommandTimeout

DEVICE = Path("/dev/kvm")
PATIENCE = 15.0  # seconds; a kernel that runs needs two, an emulated one ten
COST = "machines are emulated (TCG): some ten times slower, `lab up` takes minutes"
QEMU = {"amd64": ("qemu-system-x86_64", "pc"), "arm64": ("qemu-system-aarch64", "virt")}
REBOOTS = "panic=-1"  # at once, and QEMU's -no-reboot makes it an end

NESTED = (
    "in a virtual machine: let its host pass virtualisation on (nested virtualisation); "
    "on hardware: switch VT-x or AMD-V on in the firmware, `sudo modprobe kvm_intel` or kvm_amd"
)
GROUP = "`sudo adduser $USER kvm`, then log in again"


@dataclass(frozen=True, slots=True)
class Acceleration:
    """What was found; `cure` where KVM could be had."""

    kvm: bool
    found: str
    cure: str = ""


def remembered(place: Path | None = None, proc: Path = Path("/proc"), device: Path = DEVICE) -> Acceleration:
    """What is found. Only a kernel's way is kept, until this host is booted anew or another box is built."""
    if not device.exists():
        return Acceleration(False, f"there is no {device}: {COST}", NESTED)
    if not os.access(device, os.R_OK | os.W_OK):
        return Acceleration(False, f"no right to use {device}: {COST}", GROUP)
    built = store.find()
    kernel = _kernel(built)
    if kernel is None:
        return untried(proc / "cpuinfo", device)
    file = place or store.folder().parent / "kvm.json"
    tried = [_text(proc / "sys/kernel/random/boot_id").strip(), built and built.name]
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        known = json.loads(file.read_text(encoding="utf-8"))
        if known["tried"] == tried:
            return Acceleration(**known["found"])
    try:
        found = boot(kernel)
    except CommandNotFound as error:
        return Acceleration(False, f"{error}: {COST}", "install QEMU")
    with contextlib.suppress(OSError):  # then it is tried again next time
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"tried": tried, "found": asdict(found)}), encoding="utf-8")
    return found


def untried(cpuinfo: Path, device: Path = DEVICE) -> Acceleration:
    """What to take where there is no kernel to boot: a device in a virtual machine may hang."""
    if "hypervisor" in _text(cpuinfo).split():
        found = f"{device} of a virtual machine may hang, and there is no kernel here to try it with: {COST}"
        return Acceleration(False, found, "`lab box build` brings one")
    return Acceleration(True, f"{device} is there; not tried, since there is no kernel to boot")


def boot(kernel: Path) -> Acceleration:
    """Boot that kernel on KVM, which takes up to 15 seconds; raises CommandNotFound without QEMU."""
    program, machine = QEMU.get(store.architecture(), QEMU["amd64"])
    words = [
        *(program, "-machine", machine, "-accel", "kvm", "-cpu", "host", "-m", "256"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-kernel", str(kernel), "-append", REBOOTS),
    ]
    began = time.monotonic()
    try:
        done = command.run(words, timeout=PATIENCE, check=False)
    except CommandTimeout:
        return Acceleration(False, f"a kernel hangs on {DEVICE} for {PATIENCE:g} s: {COST}", NESTED)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["(it said nothing)"])[0]
        return Acceleration(False, f"QEMU ends on {DEVICE} with «{last}»: {COST}", NESTED)
    return Acceleration(True, f"KVM: a kernel boots in {time.monotonic() - began:.1f} s")


def _kernel(built: Box | None) -> Path | None:
    """One that can be read here: the box's, or this host's own."""
    own = Path("/boot") / f"vmlinuz-{os.uname().release}"
    places = [*([built.image] if built else []), own]
    return next((path for path in places if os.access(path, os.R_OK)), None)


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""
