"""The programs of Vagrant's providers, asked by who makes do without an answer."""

from __future__ import annotations

import contextlib
import os

from vm import command
from vm.errors import MachineError

VIRSH = ("virsh", "--connect", "qemu:///system")
PATIENCE = 60.0  # seconds


def virsh(*words: str) -> str:
    """What libvirt answers, "" where it refuses or is not there."""
    return asked(*VIRSH, *words)


def asked(*argv: str) -> str:
    """The output of a program, untranslated; "" where it fails or is not there."""
    with contextlib.suppress(MachineError):
        return command.run(argv, timeout=PATIENCE, env={**os.environ, "LC_ALL": "C"}).stdout
    return ""
