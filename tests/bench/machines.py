"""What virtual machines cost, as root: the box, the first answer, a command, memory.

They run where `make live-vagrant` has its own: in namespaces with libvirt in them (tests/live/vagrant), which
installs what that takes. Where the box is current it is not built again, and its row is left out.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cluster import lab
from figures import Limit, Row, row
from isolation import HERE, RESULT, report, timed

from vm import kvm, vagrant_settings
from vm.box import store

ENCLOSURE = HERE.parent / "live/vagrant/enclosure.sh"
MIB = 2**20


def rows(repeat: int = 5) -> Iterator[Row]:
    """All of them; one row that says what is missing where it cannot be measured."""
    if os.geteuid() != 0 or shutil.which("vagrant") is None:
        yield Row("virtual machines", "not measured: it takes root, and what `make live-vagrant` installs")
        return
    box = store.find()
    if not (box and box.current):
        built = timed(lambda: lab("box", "build", timeout=1800))
        yield row("`lab box build`", built, f"{built:.0f} s", Limit(180, unit="s"))
    found = enclosed(repeat)
    on = "KVM" if kvm.remembered().kvm else "emulated"
    first = Limit(90, unit="s") if on == "KVM" else Limit(240, 120, unit="s")
    yield row(
        f"`lab up --backend vagrant` to the first answer, {on}", found["up"], f"{found['up']:.0f} s", first
    )
    yield row("`lab shell worker-1 -- true`", found["shell"], f"{found['shell']:.2f} s", Limit(0.5, unit="s"))
    own, host = (f"{found[each]:.0f} MiB" for each in ("memory", "host"))
    yield row("memory a machine", found["memory"], f"{own}; of this host {host}", Limit(512, unit="MiB"))


def enclosed(repeat: int) -> dict[str, float]:
    """The figures that ``measure`` reports from within the enclosure."""
    folder = store.folder().parent / "enclosure"
    argv = [str(ENCLOSURE), str(folder), sys.executable, "-P", __file__, str(repeat)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
    results = [line for line in done.stdout.splitlines() if line.startswith(RESULT)]
    if done.returncode or not results:
        sys.exit(f"the machines ended with {done.returncode}: {done.stdout[-2000:]}")
    found: dict[str, float] = json.loads(results[-1].removeprefix(RESULT))
    return found


def measure(repeat: int) -> dict[str, float]:
    """Seconds to the first answer and of a command; MiB a machine has, and takes of this host."""
    try:
        up = timed(lambda: lab("up", "--backend", "vagrant", timeout=1800))
        shell = [timed(lambda: lab("shell", "worker-1", "--", "true")) for _ in range(repeat + 1)]
        return {
            "up": up,
            "shell": statistics.median(shell[1:]),
            "memory": vagrant_settings.read(Path(os.environ["LAB_HOME"], "vagrant/machines.yaml")).memory,
            "host": max(memory()) / MIB,
        }
    finally:
        lab("down", "--purge", timeout=600)


def memory() -> Iterator[int]:
    """Bytes of each machine's emulator, not of the one in which KVM is tried."""
    said = subprocess.run(
        ["pgrep", "--full", "^[^ ]*qemu-system.* guest=lab-"], capture_output=True, text=True, check=False
    )
    for pid in said.stdout.split():
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        yield pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["LAB_HOME"] = home
        report(measure(int(sys.argv[1])))
