"""Each case of the table, step by step: what is in sets, rules, IPVS and on kube-ipvs0 for it.

``pytest tests/labs/proxy --update-golden`` writes ``goldens/`` anew; read the difference before committing
it. What all this does to packets is proved elsewhere (tests/live, in a guest with IPVS).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from proxy_cases.case import Case, Step, cases
from proxy_cases.places import HERE, NODES, PLACES

from labs.proxy.config import read
from labs.proxy.ipvs.fake import FakeIpvs
from labs.proxy.ipvs.host import Host
from labs.proxy.ipvs.link import Addresses
from labs.proxy.ipvs.servers import saved
from labs.proxy.ipvs.sets import kernel_name
from labs.proxy.ipvs.wanted import Wanted
from labs.proxy.mode import Setup
from labs.proxy.netfilter.ruleset import Write
from labs.proxy.state import Family, Node, ProxyState
from vm.command import run_async

GOLDENS = Path(__file__).parent / "goldens"


def wanted(case: Case, step: Step, make_state: Callable[..., ProxyState]) -> Wanted:
    family, own = Family(case.family), (PLACES["node"], PLACES["node_second"])
    config = read({"mode": "ipvs", **case.config}, case.name).config
    node = Node(HERE, own[0].address(case.family), NODES[HERE])
    state = make_state(step.objects, family=family, node=node)
    addresses = Addresses(frozenset(), tuple(place.address(case.family) for place in own))
    host = Host(Setup(family, config, run_async), FakeIpvs())
    return Wanted.of(state, host.options(state, addresses, random_fully=True))


def text(found: Wanted) -> Iterator[str]:
    yield "# ipset save"
    yield from sorted(
        f"{kernel_name(entry.set, found.options.family)} {entry.member}" for entry in found.entries
    )
    yield "# iptables-restore --noflush"
    yield from Write(found.rules()).text().splitlines()
    yield "# ipvsadm -Sn"
    yield from saved(found.table())
    yield "# kube-ipvs0"
    yield from sorted(found.addresses)


@pytest.mark.parametrize("case", cases(), ids=str)
def test_the_kernel_is_given_what_is_written_down(
    case: Case, make_state: Callable[..., ProxyState], update_golden: bool
) -> None:
    steps = ("\n".join(text(wanted(case, step, make_state))) for step in case.steps)
    lines, golden = "\n\n".join(steps) + "\n", GOLDENS / f"{case}.txt"
    if update_golden:
        golden.write_text(lines)
    assert lines == golden.read_text()
