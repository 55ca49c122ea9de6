"""What a lab that was not ended properly leaves behind, and its removal.

After `kill -9` or a power cut the kernel has taken all namespaces, processes, devices and rules; what is left
are files in the state folder that speak of a cluster which is no more. What must outlive a cluster (objects,
certificates, logs, a learner's answers) is not ours to touch.
"""

from __future__ import annotations

from pathlib import Path

from vm import lock
from vm.errors import MachineError

INVENTORY = "inventory.json"
STALE = (INVENTORY, ".*.tmp")  # and files that were being written


def leftovers(home: Path) -> list[Path]:
    """Files in the state folder that only a running lab should have, while none runs."""
    return [] if lock.held(home) else _stale(home)


def sweep(home: Path) -> list[Path]:
    """Remove them, also while the lock is held, for who starts a lab holds it; returns what was removed."""
    stale = _stale(home)
    for path in stale:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise MachineError(f"cannot remove {path}: {error.strerror}", "remove it by hand") from error
    return stale


def _stale(home: Path) -> list[Path]:
    return sorted(path for pattern in STALE for path in home.glob(pattern))
