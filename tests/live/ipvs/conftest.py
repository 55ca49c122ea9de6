"""Tests of IPVS itself: each in a network namespace of its own, in a guest whose kernel has it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vm import syscalls

MINE = Path("/proc/self/ns/net")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs IPVS and a kernel of its own."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("ip_vs")
            item.add_marker("live")


@pytest.fixture(autouse=True)
def own_network() -> Iterator[None]:
    """This very process enters a fresh network namespace: netlink sockets belong to where they are opened."""
    before = os.open(MINE, os.O_RDONLY)
    syscalls.unshare(syscalls.CLONE_NEWNET)
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield
    finally:
        syscalls.setns(before)
        os.close(before)


@pytest.fixture
def ipvsadm() -> Callable[[], list[str]]:
    """``ipvsadm()``: what people see."""

    def save() -> list[str]:
        done = subprocess.run(["ipvsadm", "-Sn"], capture_output=True, text=True, check=True)
        return sorted(done.stdout.splitlines())

    return save
