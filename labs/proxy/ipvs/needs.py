"""What this mode needs of a machine, asked before anything is changed there.

IPVS is a module that many kernels have and few have loaded, and it refuses whoever is not root of the
host itself, user namespaces or not. Loading it changes the host, so nothing here does: ``MODPROBE`` is
for who has been asked and said yes, with ``Missing.modules`` behind it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from labs.proxy.ipvs.door import LOADED
from labs.proxy.ipvs.options import DEFAULT_SCHEDULER
from vm.machine import Machine

MODPROBE = ("modprobe", "--all")

WHOLE = "0 0 4294967295"
"""/proc/self/uid_map outside of user namespaces."""

LOOK = r"""
dep=/lib/modules/$(uname -r)/modules.dep
[ -e /proc/net/ip_vs ] && echo loaded
read -r inside outside count < /proc/self/uid_map
[ "$inside $outside $count" = "0 0 4294967295" ] || echo contained
grep -qs '/ip_vs\.ko' "$dep" && echo module
grep -qs "/ip_vs_$1\.ko" "$dep" && echo scheduler
exit 0
"""
"""Prints a word for each fact that is true, the words being the fields of ``Facts``."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a machine says about its kernel."""

    loaded: bool = False  # IPVS is in the kernel
    contained: bool = False  # the machine is in a user namespace
    module: bool = False  # the kernel has IPVS as a module
    scheduler: bool = False  # and the scheduler


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a machine cannot have this mode, and what to do: if ``modules`` are named, load them."""

    why: str
    cure: str
    modules: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.why} ({self.cure})"


def available(machine: Machine, scheduler: str = "") -> Missing | None:
    """What the machine lacks for this mode; None if nothing. Changes nothing there."""
    wanted = scheduler or DEFAULT_SCHEDULER
    words = machine.run(["sh", "-c", LOOK, "sh", wanted]).stdout.split()
    return missing(Facts(**dict.fromkeys(words, True)), wanted)


def here(scheduler: str = "", proc: Path = Path("/proc"), modules: Path = Path("/lib/modules")) -> Facts:
    """The same facts of this process's own machine."""
    dep = modules / os.uname().release / "modules.dep"
    known = dep.read_text(encoding="utf-8") if dep.exists() else ""
    return Facts(
        loaded=(proc / LOADED.relative_to("/proc")).exists(),
        contained=" ".join((proc / "self/uid_map").read_text(encoding="ascii").split()) != WHOLE,
        module="/ip_vs.ko" in known,
        scheduler=f"/ip_vs_{scheduler or DEFAULT_SCHEDULER}.ko" in known,
    )


def missing(facts: Facts, scheduler: str) -> Missing | None:
    """What these facts mean for this mode with this scheduler."""
    vagrant = "`lab up --backend vagrant` makes machines whose kernel has it"
    if not (facts.loaded or facts.module):
        return Missing("mode ipvs needs a kernel with IPVS (ip_vs), and this one has none", vagrant)
    if facts.contained:
        return Missing(
            "mode ipvs needs root: the kernel refuses IPVS in a user namespace, and this cluster is in one",
            f"`lab down`, then `lab up --root`; or {vagrant}",
        )
    if facts.module and not facts.scheduler:
        return Missing(
            f"mode ipvs: this kernel has no scheduler {scheduler!r} (no module ip_vs_{scheduler})",
            "set `ipvs.scheduler` to one it has, such as rr",
        )
    if not facts.loaded:
        modules = ("ip_vs", f"ip_vs_{scheduler}")
        cure = f"it changes the host until it is restarted: `sudo modprobe -a {' '.join(modules)}`"
        return Missing("mode ipvs needs the kernel's module ip_vs, which is not loaded", cure, modules)
    return None
