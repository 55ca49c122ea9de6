"""Kernel modules that mode ipvs needs, and leave to load them.

A module in the kernel is there for everybody on the host, until it is restarted: the one thing this lab could
do outside of its own namespaces. So somebody who can say yes is asked first. Without a terminal nobody can,
and the error has the line to type.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from labs.proxy.ipvs import needs
from labs.proxy.ipvs.options import DEFAULT_SCHEDULER
from vm import command
from vm.command import Completed
from vm.errors import HostCannot
from vm.machine import Machine

Ask = Callable[[str], bool]


class Run(Protocol):
    """How a command is run: `Machine.run`, or `vm.command.run` for this host."""

    def __call__(self, argv: Sequence[str], *, check: bool) -> Completed:
        """Run it to its end."""


def consent(question: str) -> bool:
    """Ask whoever sits at the terminal; nobody there, or no clear yes, is a no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def require_on(machines: Iterable[Machine], scheduler: str, ask: Ask = consent) -> None:
    """Raise HostCannot if mode ipvs cannot run on one of these machines and nobody says that it may."""
    for machine in machines:
        _provide(needs.available(machine, scheduler), machine.run, ask)


def require_here(*, root: bool, ask: Ask = consent) -> None:
    """The same for machines that are yet to be made on this host; ``root`` is whose they will be."""
    facts = needs.here()
    as_theirs = needs.Facts(facts.loaded, not root, facts.module, facts.scheduler)
    _provide(needs.missing(as_theirs, DEFAULT_SCHEDULER), command.run, ask)


def _provide(missing: needs.Missing | None, run: Run, ask: Ask) -> None:
    if missing is None:
        return
    names = " and ".join(missing.modules)
    if not missing.modules or not ask(f"{missing.why}. Load {names} until the host is restarted?"):
        raise HostCannot(missing.why, missing.cure)
    done = run([*needs.MODPROBE, *missing.modules], check=False)
    if done.returncode:
        raise HostCannot(f"{names} cannot be loaded: {done.stderr.strip()}", missing.cure)
