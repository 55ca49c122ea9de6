"""A node in namespaces of the test's own, commands run in there, and a proxy that is told what to do.

A holder process keeps the namespaces, as root or rootless; they go away with it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from proxy_cases.places import HERE as NODE_NAME
from proxy_cases.places import NETWORKS, NODES, PLACES
from proxy_stage.patience import PATIENCE

HERE = Path(__file__).parent
Object = dict[str, Any]
SECONDS = 60 * PATIENCE
CONFIG = {"clusterCIDR": "10.244.0.0/16"}
ORDINARY = "nobody"
NODE = {"name": "worker-1", "address": "192.168.56.11", "zone": "zone-a"}


def node_facts(family: str) -> Object:
    """What the table's node knows of itself, in this IP family."""
    return {
        "name": NODE_NAME,
        "address": PLACES["node"].address(family),
        "zone": NODES[NODE_NAME],
        "pod_cidr": NETWORKS["here_pods"].address(family),
    }


class World:
    """The namespaces, by commands run in them."""

    def __init__(self, holder: int, account: Sequence[str] = ()) -> None:
        enter = ["nsenter", "--preserve-credentials", *user(account), "-m", "-n", "-t", str(holder)]
        self._enter = [*account, *enter]

    def argv(self, *argv: str, at: str = "") -> list[str]:
        inside = ["ip", "netns", "exec", at] if at else []
        return [*self._enter, *inside, *argv]

    def __call__(self, *argv: str, at: str = "", text: str | None = None, check: bool = True) -> str:
        """What a command prints, on the node or at a pod or the client."""
        done = subprocess.run(
            self.argv(*argv, at=at), input=text, capture_output=True, text=True, check=False, timeout=SECONDS
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(argv)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def can(self, *argv: str) -> bool:
        """Whether a command works."""
        done = subprocess.run(self.argv(*argv), capture_output=True, check=False, timeout=SECONDS)
        return done.returncode == 0

    def ask(
        self, protocol: str, address: str, port: int, times: int = 1, *, at: str = "", local: int = 0
    ) -> list[str]:
        """The answers of so many connections; ``local`` keeps one source port."""
        words = (protocol, address, str(port), str(times), str(local))
        return self(sys.executable, str(HERE / "client.py"), *words, at=at).splitlines()

    def save(self) -> str:
        """iptables-save without comments and counters of built-in chains."""
        lines = self("iptables-save").splitlines()
        return "\n".join(line.split(" [")[0] for line in lines if not line.startswith("#"))


class Proxy:
    """The driver in the node's namespace."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._objects: dict[tuple[str, str, str], Object] = {}

    def start(self, mode: str, family: str, config: Object, node: Object | None = None) -> None:
        """Another proxy from now on, which knows nothing; the one before should have cleaned up."""
        self._objects = {}
        self.do("start", {"mode": mode, "family": family, "node": node or NODE, "config": config})

    def do(self, what: str, more: object = None) -> Object:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": what, "with": more}) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("ANSWER "):
                answer: Object = json.loads(line.removeprefix("ANSWER "))
                return answer
        pytest.fail("the driver ended; see its standard error above")

    def set(self, *objects: Object) -> Object:
        """Objects added or updated, in one sync."""
        pairs = []
        for new in objects:
            key = _key(new)
            pairs.append([self._objects.get(key), new])
            self._objects[key] = new
        return self._changes(pairs)

    def become(self, *objects: Object) -> Object:
        """These objects and no others, in one sync."""
        after = {_key(new): new for new in objects}
        before, self._objects = self._objects, after
        return self._changes([[before.get(key), after.get(key)] for key in before.keys() | after.keys()])

    def delete(self, *objects: Object) -> Object:
        """Objects deleted, in one sync."""
        return self._changes([[self._objects.pop(_key(old)), None] for old in objects])

    def _changes(self, pairs: list[Any]) -> Object:
        answer = self.do("changes", pairs)
        assert answer["synced"], "the sync failed; its log is on standard error"
        return answer


def _key(item: Object) -> tuple[str, str, str]:
    return item["kind"], item["metadata"]["namespace"], item["metadata"]["name"]


NEEDS = {"ipvs": ("ipvsadm", "-Ln"), "nftables": ("nft", "list", "ruleset")}
"""What must work in the namespace for a mode to."""


def needs(world: World, mode: str) -> None:
    """Skip the test where this kernel, or this user, cannot run the mode."""
    if mode in NEEDS and not world.can(*NEEDS[mode]):
        pytest.skip(f"mode {mode}: `{' '.join(NEEDS[mode])}` does not work on this kernel or for this user")


def user(account: Sequence[str]) -> list[str]:
    """Ordinary users enter their user namespace first."""
    return ["-U"] if account or os.geteuid() != 0 else []


def ordinary() -> tuple[str, ...]:
    """The words that make a command an ordinary user's; skips the test if there is none who can run ours."""
    if os.geteuid() != 0:
        return ()
    words = ("runuser", "-u", ORDINARY, "--")
    done = subprocess.run(
        [*words, sys.executable, "-P", "-c", "import labs"], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"the user {ORDINARY} cannot read this checkout or its Python")
    return words


@contextmanager
def started(argv: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.kill()
        process.wait()
        process.stdout.close()


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout
    line = process.stdout.readline().strip()
    if line != word:
        pytest.fail(f"{process.args}: expected «{word}», found «{line}»")


@contextmanager
def namespaces(account: Sequence[str] = ()) -> Iterator[World]:
    """An empty node: a holder process keeps its namespaces; they go away with it."""
    mine = ["--user", "--map-root-user"] if account or os.geteuid() != 0 else []
    holder = [*account, "unshare", *mine, "--net", "--mount", "sh", "-c", "echo ready; exec cat"]
    with started(holder) as process:
        wait_for(process, "ready")
        yield World(_holder(process.pid), account)


def _holder(pid: int) -> int:
    """The process that keeps the namespaces: runuser has it as its child."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    named = Path(f"/proc/{pid}/comm").read_text().strip() == "runuser"
    return int(children[0]) if named else pid


@contextmanager
def proxy_in(
    world: World, config: Object | None = None, family: str = "IPv4", mode: str = "iptables"
) -> Iterator[Proxy]:
    """A proxy on the node; its rules are gone afterwards."""
    with started(world.argv(sys.executable, "-P", str(HERE / "driver.py"))) as process:
        proxy = Proxy(process)
        proxy.start(mode, family, {**CONFIG, **(config or {})})
        yield proxy
        proxy.do("cleanup")
