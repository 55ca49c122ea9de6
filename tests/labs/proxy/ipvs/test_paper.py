"""The table of cases, walked on paper through what the mode gives a kernel of text.

The walk is the grader's and shares no code with the proxy. The same flows are sent in a guest with IPVS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from proxy_cases.case import Case, Flow, Step, cases
from proxy_cases.judge import on_paper
from proxy_cases.places import HERE, LOCAL, NODES, PLACES

from checker.rulesets.walk import Node as Ruled
from checker.rulesets.walk import Packet, walk
from labs.proxy.config import read
from labs.proxy.ipvs.fake import FakeIpvs
from labs.proxy.ipvs.fake_commands import Commands
from labs.proxy.ipvs.link import NAME
from labs.proxy.ipvs.mode import IpvsMode
from labs.proxy.mode import Setup
from labs.proxy.state import Changed, Family, Node, ProxyState

OWN = ("node", "node_second")
MakeState = Callable[..., ProxyState]


async def written(case: Case, step: Step, state: ProxyState, proc: Path) -> tuple[Ruled, list[str]]:
    """What a fresh proxy gives the kernel, as its tools print it, and the addresses on kube-ipvs0."""
    own = [PLACES[name].address(case.family) for name in OWN]
    ipvs, commands = FakeIpvs(), Commands(*(f"{ip}/{128 if ':' in ip else 32}" for ip in own))
    config = read({"mode": "ipvs", **case.config}, case.name).config
    await IpvsMode(Setup(Family(case.family), config, commands), ipvs, proc).sync(
        state, Changed(everything=True)
    )
    sets = (await commands(("ipset", "save"))).stdout
    tables = {"iptables" if case.family == "IPv4" else "ip6tables": commands.save()}
    bound = [address.partition("/")[0] for address in commands.links[NAME]]
    return Ruled(**tables, ipset=sets, ipvs="\n".join(ipvs.save())), bound


def packet(flow: Flow, family: str, bound: list[str]) -> Packet:
    """The flow's first packet as it comes to worker-1, or as worker-1 makes it.

    Who asks an address of its own asks from that very address: worker-1 does where it is on kube-ipvs0.
    """
    to = PLACES[flow.to].address(family)
    own = flow.to == "localhost" or (flow.asker == "node" and to in bound)
    return Packet(
        to if own else PLACES[flow.asker].address(family),
        to,
        flow.protocol,
        destination_port=flow.port,
        in_interface=PLACES[flow.asker].interface,
        local=[*(PLACES[name].address(family) for name in LOCAL), *bound],
        masquerade_as=PLACES["node"].address(family),
    )


def complaints(case: Case, make_state: MakeState, proc: Path) -> Iterator[str]:
    address = PLACES["node"].address(case.family)
    pods = "10.244.1.0/24" if case.family == "IPv4" else "fd00:244:0:1::/64"
    node = Node(HERE, address, NODES[HERE], pods)
    for step in case.steps:
        state = make_state(step.objects, family=Family(case.family), node=node)
        ruled, bound = asyncio.run(written(case, step, state, proc))
        for flow in step.flows:
            end = flow.end_in("ipvs")
            if not end.skip:
                start = "output" if flow.asker in ("node", "localhost") else "prerouting"
                found = walk(ruled, packet(flow, case.family, bound), start)
                yield from (f"{flow}: {said}" for said in on_paper(end, found) if not moot(flow, said))


def moot(flow: Flow, complaint: str) -> bool:
    """Under policy Local no rule masquerades what worker-1 itself asks; it comes from worker-1 anyway."""
    return flow.asker == "node" and "masqueraded is" in complaint


@pytest.mark.parametrize("case", cases(), ids=str)
def test_every_flow_ends_on_paper_as_the_case_says(case: Case, make_state: MakeState, proc: Path) -> None:
    wrong = list(complaints(case, make_state, proc))
    assert not wrong, "\n".join([case.about, *wrong])
