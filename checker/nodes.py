"""The nodes as a check asks for them: the fixture ``nodes``.

A node that could not be read ends the check as *broken*, and only a check that asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from checker.errors import Broken
from checker.evidence import Evidence, Reading
from checker.rulesets import iptables_save
from checker.rulesets.model import Ruleset, RulesetError

PROGRAM = re.compile(r'\("([^"]+)",pid=')
METRIC = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
UNDO = "take back what was added to them by hand, or `lab down; lab up`"


class Node:
    """One node of the cluster at one moment."""

    def __init__(self, reading: Reading) -> None:
        self.name, self.role = reading.name, reading.role
        self.address, self.pod_cidr = reading.address, reading.pod_cidr
        self._reading = reading

    def text(self, name: str) -> str:
        """What one of the commands in `checker.gather.READINGS` printed."""
        if self._reading.problem:
            raise Broken(
                f"{self.name} cannot be read: {self._reading.problem}",
                "`lab status` shows it; `lab up` mends it",
            )
        return self._reading.texts.get(name, "")

    @property
    def ruleset(self) -> Ruleset:
        """The node's iptables rules, with their counters."""
        try:
            return _parsed(self.text("rules"))
        except RulesetError as error:
            raise Broken(f"the rules of {self.name} cannot be understood: {error}", UNDO) from error

    @property
    def mode(self) -> str:
        """The mode that this node's kube-proxy itself reports; Broken if it does not answer."""
        found = self.text("mode").strip()
        if not found:
            raise Broken(
                f"kube-proxy on {self.name} does not answer on port 10249",
                f"`lab shell {self.name} -- tail /var/log/kube-proxy.log` shows why",
            )
        return found

    def listeners(self, port: int) -> list[str]:
        """The local addresses on which a process of this node listens on a TCP port (``ss -lnt``)."""
        return [each[3] for each in self._sockets(port)]

    def programs(self, port: int) -> set[str]:
        """The programs that listen on a TCP port (``ss -lntp``)."""
        return {name for each in self._sockets(port) for name in PROGRAM.findall(" ".join(each[5:]))}

    def _sockets(self, port: int) -> list[list[str]]:
        columns = (line.split() for line in self.text("sockets").splitlines())
        return [each for each in columns if len(each) > 3 and each[3].rpartition(":")[2] == str(port)]

    @property
    def healthy(self) -> bool:
        """Does kube-proxy's healthz answer 200?"""
        return self.text("health").strip() == "200"

    @property
    def log(self) -> list[str]:
        """The last lines of kube-proxy's log, oldest first (as many as `checker.gather.LINES`)."""
        return self.text("log").splitlines()

    def metric(self, name: str, **labels: str) -> float | None:
        """The value of one of kube-proxy's metrics; None if there is none with these labels."""
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        for line in self.text("metrics").splitlines():
            found = METRIC.fullmatch(line)
            if found and found[1] == name and wanted <= set((found[2] or "").split(",")):
                return float(found[3])
        return None


@lru_cache(maxsize=64)
def _parsed(text: str) -> Ruleset:
    """Each check sees views of its own, so the same text comes many times; a ruleset is never changed."""
    return iptables_save.parse(text)


class Nodes:
    """The nodes of the cluster, the control plane first."""

    def __init__(self, evidence: Evidence) -> None:
        self._nodes = {reading.name: Node(reading) for reading in evidence.nodes}

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    @property
    def workers(self) -> list[Node]:
        """The nodes that take workloads; Broken if there are none."""
        found = [node for node in self if node.role == "worker"]
        if not found:
            raise Broken("the inventory names no worker", "`lab down; lab up` makes a new one")
        return found

    def named(self, name: str) -> Node:
        """A node by name; Broken if the cluster has none of it."""
        if name not in self._nodes:
            raise Broken(f"the cluster has no node {name}", "`lab down; lab up` makes one with three nodes")
        return self._nodes[name]

    @property
    def modes(self) -> dict[str, str]:
        """Each node's proxy mode."""
        return {node.name: node.mode for node in self}
