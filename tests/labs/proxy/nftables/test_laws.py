"""What holds for any cluster and any way to it."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labs.proxy.changes import Changes
from labs.proxy.configuration import KubeProxyConfiguration
from labs.proxy.localdetector import LocalBy, LocalDetector
from labs.proxy.mode import Setup
from labs.proxy.nftables.apply import Program
from labs.proxy.nftables.fake import NAMED, Kept, Nft
from labs.proxy.nftables.mode import NftablesMode
from labs.proxy.nftables.netlink.messages import Messages
from labs.proxy.nftables.objects import Table
from labs.proxy.nftables.options import Options
from labs.proxy.nftables.rules import table
from labs.proxy.nftables.stale import GRACE
from labs.proxy.nftables.transaction import creation, difference, text
from labs.proxy.state import Changed, Family, Node

QUICK = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
NODE = Node("worker-1", "192.168.56.11", zone="zone-a")
CONFIG = KubeProxyConfiguration(
    mode="nftables", cluster_cidr="10.244.0.0/16", node_port_addresses=("primary",)
)
OPTIONS = Options(
    detector=LocalDetector(LocalBy.CIDR, "10.244.0.0/16"), node_port_addresses=("192.168.56.11",)
)

flags = st.booleans()
endpoints = st.lists(
    st.fixed_dictionaries(
        {
            "addresses": st.integers(1, 4).map("10.244.1.{}".format).map(lambda ip: [ip]),
            "nodeName": st.sampled_from(["worker-1", "worker-2"]),
            "conditions": st.fixed_dictionaries({"ready": flags, "serving": flags, "terminating": flags}),
        }
    ),
    max_size=3,
)
specs = st.fixed_dictionaries(
    {
        "clusterIP": st.integers(1, 3).map("10.96.0.{}".format),
        "type": st.just("LoadBalancer"),
        "nodePort": st.sampled_from([0, 30080]),
        "protocol": st.sampled_from(["TCP", "UDP"]),
        "externalIPs": st.sampled_from([[], ["198.51.100.7"]]),
        "externalTrafficPolicy": st.sampled_from(["Cluster", "Local"]),
        "internalTrafficPolicy": st.sampled_from(["Cluster", "Local"]),
        "sessionAffinity": st.sampled_from(["None", "ClientIP"]),
        "sessionAffinityConfig": st.sampled_from([{}, {"clientIP": {"timeoutSeconds": 10}}]),
        "loadBalancerSourceRanges": st.sampled_from([[], ["192.0.2.0/24"], ["192.168.56.0/24"]]),
        "balanced": flags,
    }
)
"""Addresses and ports are few on purpose: Services may want the same, and must not fight about it."""
clusters = st.dictionaries(st.sampled_from("abc"), st.tuples(specs, endpoints))


def objects(cluster: dict[str, Any]) -> dict[tuple[str, str], Any]:
    made: dict[tuple[str, str], Any] = {}
    for name, (spec, behind) in cluster.items():
        port = {"name": "p", "port": 80, "protocol": spec["protocol"], "nodePort": spec["nodePort"]}
        status = {"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}} if spec["balanced"] else {}
        made["Service", name] = {
            "metadata": {"namespace": "ns", "name": name},
            "spec": {**spec, "ports": [port]},
            "status": status,
        }
        made["EndpointSlice", name] = {
            "metadata": {"namespace": "ns", "name": name, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "ports": [{"name": "p", "port": 8080, "protocol": spec["protocol"]}],
            "endpoints": behind,
        }
    return made


class World:
    """A proxy that has lived through a sequence of clusters."""

    def __init__(self) -> None:
        self.kernel, self.changes, self.now = Nft(), Changes(Family.IPV4, NODE), 0.0
        self.mode = NftablesMode(Setup(Family.IPV4, CONFIG, self.kernel), clock=lambda: self.now)
        self._objects: dict[tuple[str, str], Any] = {}

    async def become(self, cluster: dict[str, Any], *, everything: bool = False) -> None:
        before, self._objects = self._objects, objects(cluster)
        for kind, name in sorted(before.keys() | self._objects.keys()):
            seen = self.changes.service if kind == "Service" else self.changes.endpoint_slice
            seen(before.get((kind, name)), self._objects.get((kind, name)))
        changed = self.changes.apply()
        await self.mode.sync(self.changes.state, Changed(changed.names, everything))

    @property
    def table(self) -> Kept:
        return self.kernel.tables["ip"]


def state_of(cluster: dict[str, Any]) -> Any:
    changes = Changes(Family.IPV4, NODE)
    for (kind, _), item in objects(cluster).items():
        (changes.service if kind == "Service" else changes.endpoint_slice)(None, item)
    changes.apply()
    return changes.state


@QUICK
@given(st.lists(clusters, min_size=1, max_size=5), st.data())
async def test_by_whatever_way_the_kernel_has_what_a_fresh_proxy_would_write(
    ways: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Each transaction loads, too: the fake refuses what the kernel would refuse."""
    world, fresh = World(), World()
    for cluster in ways:
        world.now += data.draw(st.sampled_from([0.0, GRACE / 2, GRACE * 2]))
        await world.become(cluster, everything=data.draw(flags))
    await fresh.become(ways[-1])
    world.now += GRACE
    await world.become(ways[-1])
    assert world.table == fresh.table


@QUICK
@given(clusters, clusters)
def test_a_difference_there_and_back_leads_nowhere(one: dict[str, Any], other: dict[str, Any]) -> None:
    before, after = table(state_of(one), OPTIONS), table(state_of(other), OPTIONS)
    assert not difference(before, before)
    assert bool(difference(before, after)) == bool(difference(after, before))
    assert bool(difference(before, after)) == (before != after)


@QUICK
@given(clusters)
def test_all_that_is_named_is_there(cluster: dict[str, Any]) -> None:
    found = table(state_of(cluster), OPTIONS)
    assert named(found) <= found.chains.keys() | found.sets.keys()


@QUICK
@given(specs, endpoints)
def test_all_that_is_a_service_s_own_is_led_to(spec: dict[str, Any], behind: list[Any]) -> None:
    """One Service alone: of two that want the same address one may have chains that nothing leads to."""
    found = table(state_of({"a": (spec, behind)}), OPTIONS)
    own = {name for name in (*found.chains, *found.sets) if "/" in name}
    assert own <= named(found)


def named(found: Table) -> set[str]:
    rules = [rule for chain in found.chains.values() for rule in chain.rules or ()]
    verdicts = [element.verdict for elements in found.elements.values() for element in elements.values()]
    return {name for text in (*rules, *verdicts) for name in NAMED.findall(text)}


@QUICK
@given(clusters)
def test_every_choice_is_even(cluster: dict[str, Any]) -> None:
    """The map has as many entries as the random number has values, each once."""
    found = table(state_of(cluster), OPTIONS)
    for chain in found.chains.values():
        for rule in chain.rules or ():
            if choice := re.search(r"numgen random mod (\d+) v?map \{ (.*) \}", rule):
                entries = dict(entry.split(" : ") for entry in choice[2].split(" , "))
                assert [*entries] == [str(n) for n in range(int(choice[1]))]
                assert len(set(entries.values())) == len(entries) > 1


@QUICK
@given(clusters)
def test_a_whole_table_is_as_many_operations_as_it_has_objects(cluster: dict[str, Any]) -> None:
    found = table(state_of(cluster), OPTIONS)
    rules = sum(len(chain.rules or ()) for chain in found.chains.values())
    elements = sum(map(len, found.elements.values()))
    assert len(creation(Table(), found)) == 1 + len(found.chains) + len(found.sets) + rules + elements


@QUICK
@given(clusters)
def test_every_operation_can_be_said_by_netlink(cluster: dict[str, Any]) -> None:
    said = Messages("ip")
    for operation in creation(Table(), table(state_of(cluster), OPTIONS)).operations:
        assert list(said.bodies(operation))


@QUICK
@given(clusters, clusters, st.integers(1, 60))
async def test_a_change_may_be_cut_between_its_parts(
    one: dict[str, Any], other: dict[str, Any], largest: int
) -> None:
    """Each portion loads by itself, and all of them lead where the whole leads."""
    before, after = table(state_of(one), OPTIONS), table(state_of(other), OPTIONS)
    whole, cut = Nft(), Nft()
    for kernel in (whole, cut):
        await Program("ip", kernel).apply(creation(Table(), before))
    change = creation(await Program("ip", whole).list(), after)
    await whole(("nft", "-f", "-"), input=text(change.operations, "ip"))
    for operations in change.portions(largest):
        await cut(("nft", "-f", "-"), input=text(operations, "ip"))
    assert cut.tables == whole.tables
