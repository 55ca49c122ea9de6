"""What a virtual machine says of itself before anything is done to it: its Python, and what it lacks.

Its clock is set right on the way, where it is not: that of a machine which was suspended, or restored from a
snapshot, goes on from then, and asks nobody for the time. Certificates and leases are of the future for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vm.errors import HostCannot
from vm.machine import Machine
from vm.wheelhouse import Guest

PACKAGES = Path(__file__).parent / "packages.txt"
GUESTS_OWN: Mapping[str, tuple[str, ...]] = {"ipvsadm": ("ipvsadm",), "kmod": ("modprobe",)}
LATE = 5  # seconds by which a machine's clock may be wrong
PATIENCE = 60.0  # seconds; the first command on a machine that is still booting

# $1: PACKAGE=PROGRAM,PROGRAM … ; prints a line of Python, then the packages whose programs are not all there.
# $2: the host's time; `date` in the machine may be late by as long as the command takes to get there.
LOOK = f"""
behind=$(($2 - $(date +%s)))
[ $behind -le {LATE} ] && [ $behind -ge -{LATE} ] || date --utc --set "@$2" >/dev/null
python3 -c '{Guest.ASK}' || echo 0 0 none
for pair in $1; do
    for program in $(echo "${{pair#*=}}" | tr , ' '); do
        command -v "$program" >/dev/null || {{ echo "${{pair%%=*}}"; break; }}
    done
done
"""


@dataclass(frozen=True, slots=True)
class Survey:
    """One machine: its Python and processor, and packages whose programs it does not have."""

    guest: Guest
    missing: tuple[str, ...]


def survey(machines: Mapping[str, Machine]) -> dict[str, Survey]:
    """All of them at once; raises HostCannot where a machine's Python will not do, and its own errors."""

    try:
        return asyncio.run(_survey(machines))
    except BaseExceptionGroup as errors:  # one machine's is enough to say
        raise errors.exceptions[0] from errors


async def _survey(machines: Mapping[str, Machine]) -> dict[str, Survey]:
    async with asyncio.TaskGroup() as group:  # unlike gather it waits for what an interruption has ended
        looks = {name: group.create_task(look(machine)) for name, machine in machines.items()}
    return {name: each.result() for name, each in looks.items()}


async def look(machine: Machine) -> Survey:
    """One machine's."""
    words = " ".join(f"{package}={','.join(programs)}" for package, programs in programs_of().items())
    script = ["sh", "-c", LOOK, "sh", words, f"{time.time():.0f}"]
    said = await machine.run_async(script, timeout=PATIENCE)
    first, *missing = said.stdout.splitlines()
    return Survey(Guest.of(first), tuple(missing))


def one(surveys: Mapping[str, Survey]) -> Guest:
    """The Python that all machines have; raises HostCannot where they differ."""
    found = {each.guest for each in surveys.values()}
    if len(found) != 1:
        told = ", ".join(
            f"{name}: {each.guest.python} on {each.guest.machine}" for name, each in surveys.items()
        )
        raise HostCannot(
            f"the machines have different Pythons: {told}",
            "make them of one box: `lab down --purge`, then `lab up --backend vagrant`",
        )
    return found.pop()


def programs_of(text: str = "") -> dict[str, tuple[str, ...]]:
    """Package → programs of it that a machine of the lab has, from packages.txt."""
    found: dict[str, tuple[str, ...]] = dict(GUESTS_OWN)
    for line in (text or PACKAGES.read_text(encoding="utf-8")).splitlines():
        if line and not line.startswith("#"):
            package, _, programs, _ = line.split(maxsplit=3)
            found[package] = tuple(programs.split(","))
    return found
