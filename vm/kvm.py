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


def remembered(place: Path | None = None, proc: Path = Path("/proc")) -> Acceleration:
    """What was found since this host was booted, with the box that there is now; else it is tried now."""
    file = place or store.folder().parent / "kvm.json"
    built = store.find()
    tried = [
        (proc / "sys/kernel/random/boot_id").read_text().strip() if proc.exists() else "",
        built and built.name,
    ]
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        known = json.loads(file.read_text(encoding="utf-8"))
        if known["tried"] == tried:
            return Acceleration(**known["found"])
    found = acceleration(built.image if built else None)
    with contextlib.suppress(OSError):  # then it is tried again next time
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"tried": tried, "found": asdict(found)}), encoding="utf-8")
    return found


def acceleration(kernel: Path | None = None, device: Path = DEVICE) -> Acceleration:
    """Try it: with that kernel, else with any that can be read here. Takes 0 to 15 seconds."""
    if not device.exists():
        return Acceleration(False, f"there is no {device}: {COST}", NESTED)
    if not os.access(device, os.R_OK | os.W_OK):
        return Acceleration(False, f"no right to use {device}: {COST}", GROUP)
    image = kernel or _any_kernel()
    if image is None:
        return Acceleration(True, f"{device} is there; not tried, since there is no kernel to boot")
    return boot(image)


def boot(kernel: Path) -> Acceleration:
    """Boot that kernel on KVM."""
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
    except CommandNotFound as error:
        return Acceleration(False, f"{error}: {COST}", "install QEMU")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["(it said nothing)"])[0]
        return Acceleration(False, f"QEMU ends on {DEVICE} with «{last}»: {COST}", NESTED)
    return Acceleration(True, f"KVM: a kernel boots in {time.monotonic() - began:.1f} s")


def _any_kernel() -> Path | None:
    box = store.find()
    own = Path("/boot") / f"vmlinuz-{os.uname().release}"
    places = [*([box.image] if box else []), own]
    return next((path for path in places if os.access(path, os.R_OK)), None)
