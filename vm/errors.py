"""What can go wrong with machines and the host under them; the tree::

MachineError
├── CommandFailed      a command ended with another code than 0
├── CommandNotFound    the program is not installed
├── CommandTimeout     it did not end in time
├── NotRunning         no cluster behind this inventory
├── AlreadyRunning     another process holds this state folder
├── InventoryInvalid   the file cannot be read as an inventory
└── HostCannot         the host lacks something; says the cure
"""

from __future__ import annotations


class MachineError(Exception):
    """Base of all errors of this package; ``cure`` is the next step for a person, or empty."""

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(message)
        self.cure = cure


class CommandFailed(MachineError):
    """A command ended with another exit code than 0."""

    def __init__(self, argv: tuple[str, ...], returncode: int, stderr: str) -> None:
        last = "\n".join(stderr.strip().splitlines()[-5:]) or "(it printed no error)"
        super().__init__(f"`{' '.join(argv)}` ended with code {returncode}: {last}")
        self.argv, self.returncode, self.stderr = argv, returncode, stderr


class CommandNotFound(MachineError):
    """The program of a command is not installed or not on the PATH."""

    def __init__(self, program: str) -> None:
        super().__init__(
            f"the program `{program}` is not on the PATH",
            f"install it; `lab doctor` names the package of {program}",
        )
        self.program = program


class CommandTimeout(MachineError):
    """A command did not end within its time."""

    def __init__(self, argv: tuple[str, ...], seconds: float) -> None:
        super().__init__(f"`{' '.join(argv)}` did not end within {seconds:g} s")
        self.argv = argv


class NotRunning(MachineError):
    """No cluster is running behind this inventory."""


class AlreadyRunning(MachineError):
    """Another process holds the lab's state folder."""


class InventoryInvalid(MachineError):
    """The file cannot be read as an inventory."""


class HostCannot(MachineError):
    """The host lacks something that the lab needs."""
