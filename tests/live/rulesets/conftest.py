"""A node between a client and a server, for packets that judge the walk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
# An ordinary user's PATH on Debian lacks the folders in which iptables lies.
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
IN_NAMESPACE = ("unshare", "--user", "--map-root-user", "--net", "--kill-child", "env", f"PATH={PATH}")


class Node:
    """A running node.py."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [*IN_NAMESPACE, sys.executable, str(HERE / "node.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.port = 20000

    def ask(self, **request: Any) -> dict[str, Any]:
        """Load the rules, send the packets; what arrived where, what the commands print before and after."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"from": "client", **request}) + "\n")
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        if "error" in answer:
            loaded = "\n".join(given for _, given in request["load"])
            pytest.fail(f"the rules were refused: {answer['error']}\n{loaded}")
        return answer

    def new_port(self) -> int:
        """A source port that no connection has had, or conntrack would know the packet."""
        self.port += 1
        return self.port


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    running = Node()
    # Leaving the block closes the pipes, at which the node ends, and with it its namespaces.
    with running.process:
        yield running


@pytest.fixture
def in_namespace() -> tuple[str, ...]:
    return IN_NAMESPACE


@pytest.fixture(params=["nft", "legacy"])
def variant(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if not shutil.which(f"iptables-{name}-restore", path=PATH):
        pytest.skip(f"iptables-{name} is not installed")
    if subprocess.run(
        [*IN_NAMESPACE, f"iptables-{name}", "-t", "nat", "-L"], capture_output=True, check=False
    ).returncode:
        pytest.skip(f"this kernel or user cannot use iptables-{name} in a namespace")
    return name
