"""The table on paper: a node without a network, whose rules are printed by the kernel and read by the grader.

The proxy writes into an empty namespace that has worker-1's addresses and nothing else; the walk is done by
checker.rulesets, which shares no code with it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from proxy_cases.case import Case, Flow, Step
from proxy_cases.judge import NOBODY, on_paper
from proxy_cases.places import LOCAL, PLACES
from proxy_cases.printed import written
from proxy_stage.world import HERE, Proxy, World, namespaces, needs, node_facts, started

from checker.rulesets.walk import Node, Packet, walk

DUMPS = {
    "iptables": ("iptables-save",),
    "ip6tables": ("ip6tables-save",),
    "nft": ("nft", "-j", "list", "ruleset"),
    "ipset": ("ipset", "save"),
    "ipvs": ("ipvsadm", "-Sn"),
}
"""What shows the rules; a program that cannot show any here has none to show."""

OF_MODE = {
    "iptables": {"IPv4": ("iptables",), "IPv6": ("ip6tables",)},
    "userspace": {"IPv4": ("iptables",), "IPv6": ("ip6tables",)},
    "nftables": {"IPv4": ("nft",), "IPv6": ("nft",)},
    "ipvs": {"IPv4": ("iptables", "ipset", "ipvs"), "IPv6": ("ip6tables", "ipset", "ipvs")},
}
"""By which of them a mode's rules are shown."""


@dataclass
class Play:
    """What is wrong with a case in a mode, and the rules of each step, written for a golden file."""

    wrong: list[str] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)


class Paper:
    """Walks the flows of cases through the rules of one mode, each case once in each mode."""

    def __init__(self, world: World, proxy: Proxy) -> None:
        self.world, self.proxy = world, proxy
        self._plays: dict[tuple[str, str], Play] = {}

    def play(self, case: Case, mode: str) -> Play:
        """The case in this mode; skips the test where this kernel cannot run it."""
        needs(self.world, mode)
        if (str(case), mode) not in self._plays:
            self._plays[str(case), mode] = self._play(case, mode)
        return self._plays[str(case), mode]

    def _play(self, case: Case, mode: str) -> Play:
        self.proxy.start(mode, case.family, case.config, node_facts(case.family))
        play = Play()
        try:
            for number, step in enumerate(case.steps, 1):
                self.proxy.become(*step.objects)
                texts, relays = self.dump(mode, case.family), self._relays()
                play.printed.append(written(texts, relays))
                found = self._walks(Node(**texts, relays=relays), case, step, mode)
                play.wrong += [f"step {number}: {complaint}" for complaint in found]
        finally:
            self.proxy.do("cleanup")
        return play

    def dump(self, mode: str, family: str) -> dict[str, str]:
        """The texts that show the mode's rules."""
        return {name: self.world(*DUMPS[name]) for name in OF_MODE[mode][family]}

    def _relays(self) -> dict[tuple[str, int], list[str]]:
        """The backends of each port that the proxy itself listens on for a Service."""
        relays = self.proxy.do("relays")["relays"]
        return {(protocol, port): backends or [NOBODY] for protocol, port, backends in relays}

    def _walks(self, node: Node, case: Case, step: Step, mode: str) -> Iterator[str]:
        for flow in step.flows:
            end = flow.end_in(mode)
            if not end.skip:
                start = "output" if PLACES[flow.asker].name == "node" else "prerouting"
                found = walk(node, packet(flow, case.family), start)
                yield from (f"{flow}: {complaint}" for complaint in on_paper(end, found))


def packet(flow: Flow, family: str) -> Packet:
    """The flow's first packet as it comes to worker-1, or as worker-1 makes it."""
    source = "localhost" if flow.to == "localhost" else flow.asker
    return Packet(
        PLACES[source].address(family),
        PLACES[flow.to].address(family),
        flow.protocol,
        destination_port=flow.port,
        in_interface=PLACES[flow.asker].interface,
        local=[PLACES[name].address(family) for name in LOCAL],
        masquerade_as=PLACES["node"].address(family),
    )


@contextmanager
def paper() -> Iterator[Paper]:
    """A node with addresses and without neighbours."""
    with ExitStack() as stack:
        world = stack.enter_context(namespaces())
        lines = [f"ip addr add {PLACES[name].ipv4}/32 dev lo\n" for name in LOCAL]
        lines += [f"ip addr add {PLACES[name].ipv6}/128 dev lo\n" for name in LOCAL]
        world("sh", "-e", text="ip link set lo up\n" + "".join(lines))
        driver = stack.enter_context(started(world.argv(sys.executable, "-P", str(HERE / "driver.py"))))
        yield Paper(world, Proxy(driver))
