"""A cluster of virtual machines that all tests in this folder share; only in an enclosure: make live-vagrant.

Files run in the order of their names. What belongs to machines alone is last, since it ends with their end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
UP = 900.0  # seconds: the first `up` of an emulated cluster, with a slow host's patience
OUTSIDE = pytest.mark.skip(reason="virtual machines are made in an enclosure only: `make live-vagrant`")


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Outside of the enclosure nothing here runs: libvirt would change this host."""
    if os.environ.get("ENCLOSED") != "yes":
        for item in items:
            if item.path.is_relative_to(HERE):
                item.add_marker(OUTSIDE)


@pytest.fixture(scope="session")
def lab(lab_of: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Three machines and the cluster on them, brought up by a second `lab up`: the first is interrupted."""
    shared = lab_of(tmp_path_factory.mktemp("vm") / "home")
    began = time.monotonic()
    interrupted = shared.begin("up", "--backend", "vagrant")
    shared.until(lambda: machines_of(shared), seconds=120, why="a first machine")
    interrupted.send_signal(signal.SIGINT)
    interrupted.communicate(timeout=UP)
    told(f"`lab up` was interrupted after {time.monotonic() - began:.0f} s")
    began = time.monotonic()
    told(shared("up", "--backend", "vagrant", timeout=UP))
    told(f"the second `lab up` took {time.monotonic() - began:.0f} s")
    yield shared
    told(shared("down", "--purge", timeout=UP))


@pytest.fixture(scope="session")
def machines() -> Callable[[Any], list[int]]:
    """The emulators that run a lab's machines, as process numbers."""
    return machines_of


def machines_of(lab: Any) -> list[int]:
    """The emulators of machines, not the one in which KVM is tried; the enclosure has no others."""
    said = subprocess.run(
        ["pgrep", "--full", "^[^ ]*qemu-system.* guest=lab-"], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in said.stdout.split()]


def told(text: str) -> None:
    """Shown as it happens: these tests take minutes."""
    os.write(2, f"    {text.rstrip()}\n".replace("\n", "\n    ").encode().rstrip(b" "))
