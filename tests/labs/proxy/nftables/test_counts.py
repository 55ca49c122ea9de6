"""How many operations each change costs: upstream's TestSyncProxyRulesRepeated, step by step.

The reference's numbers are generation 1's, where every endpoint has a chain and every chain that changes is
added and flushed. Here an endpoint is an entry of its Service's one rule, what exists is not added again and
what is empty is not flushed, so the numbers are our own. Each stands beside its reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Make = Callable[..., Any]


class Cluster:
    """Upstream's Services svc1 … svcN of namespaces ns1 … nsN, each with endpoints 10.180.N.x."""

    def __init__(self, told: Any, make_service: Make, make_slice: Make, make_endpoint: Make) -> None:
        self.told = told
        self._service, self._slice, self._endpoint = make_service, make_slice, make_endpoint
        self._slices: dict[int, Any] = {}

    def service(self, n: int) -> Any:
        port = {"name": "p80", "port": 80, "protocol": "TCP"}
        return self._service(f"svc{n}", namespace=f"ns{n}", clusterIP=f"172.30.0.4{n}", ports=[port])

    def slice(self, n: int, *hosts: int) -> Any:
        port = {"name": "p80", "port": 80, "protocol": "TCP"}
        behind = [self._endpoint(f"10.180.{n}.{host}") for host in hosts]
        more = {"namespace": f"ns{n}", "service": f"svc{n}", "ports": [port]}
        return self._slice(*behind, name=f"slice{n}", **more)

    async def __call__(self, *new: Any, gone: tuple[Any, ...] = ()) -> list[str]:
        """The operations of one sync."""
        transactions = len(self.told.kernel.transactions)
        result = await self.told(*new, gone=gone)
        written = self.told.last if len(self.told.kernel.transactions) > transactions else []
        assert result.operations == len(written)
        return [" ".join(operation.split(" ")[:2]) for operation in written]


async def test_each_step_costs_what_it_touches(
    told: Any, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    cluster = Cluster(told, make_service, make_slice, make_endpoint)
    service, slice_ = cluster.service, cluster.slice
    await cluster(*(thing for n in (1, 2) for thing in (service(n), slice_(n, 1))))

    # A Service with an endpoint: its chain and rule, its ClusterIP, its way in.
    found = await cluster(service(3), slice_(3, 1))
    assert found == ["add chain", "add rule", "add element", "add element"]

    # It goes (upstream deletes svc2): two elements go, the chain is flushed; the chain itself goes later.
    found = await cluster(gone=(service(2), slice_(2, 1)))
    assert found == ["delete element", "delete element", "flush chain"]

    # A Service without endpoints: its ClusterIP, and the refusal.
    assert await cluster(service(4)) == ["add element", "add element"]

    # Its endpoints appear (generation 1: 10): chain, rule, refusal away, way in.
    assert await cluster(slice_(4, 1)) == ["add chain", "add rule", "delete element", "add element"]

    # An endpoint changes (generation 1: 9): one chain, one rule, written anew.
    assert await cluster(slice_(4, 2)) == ["flush chain", "add rule"]

    # One is added, 1 → 2 (generation 1: 12): the same, the rule now has two entries.
    assert await cluster(slice_(4, 2, 3)) == ["flush chain", "add rule"]

    # All endpoints go (generation 1: 5): way in away, refusal back, chain emptied.
    found = await cluster(gone=(slice_(4, 2, 3),))
    assert found == ["delete element", "add element", "flush chain"]

    # They are back (generation 1: 14): the chain is still there, so it is filled, neither added nor flushed.
    assert await cluster(slice_(4, 2, 3)) == ["add rule", "delete element", "add element"]

    # Nothing changes (generation 1: 0).
    assert await cluster() == []


async def test_an_endpoint_of_this_node_costs_one_element_more(
    told: Any, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    """It may be asked by itself, so it is noted among the hairpin connections."""
    here = make_endpoint("10.244.1.5", "worker-1")
    await told(make_service())
    await told(make_slice(here))
    assert "add element hairpin-connections { 10.244.1.5 . 10.244.1.5 . tcp . 8080 }" in told.last
    assert len(told.last) == 5


async def test_a_changed_way_in_is_deleted_and_added(
    told: Any, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    """nft cannot replace an element. Policy Local leads elsewhere: another chain, another verdict."""
    slice_ = make_slice(make_endpoint("10.244.1.5", "worker-1"))
    await told(make_service(), slice_)
    await told(make_service(internalTrafficPolicy="Local"))
    verbs = [" ".join(operation.split(" ")[:3]) for operation in told.last]
    assert verbs == [
        "add chain local-SUSTUHLJ-default/web/tcp/http",
        "add rule local-SUSTUHLJ-default/web/tcp/http",
        "delete element service-ips",
        "add element service-ips",
        "flush chain service-SUSTUHLJ-default/web/tcp/http",
    ]


async def test_a_node_port_costs_a_chain_of_two_rules_and_an_element(
    told: Any, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    port = {"name": "http", "port": 80, "protocol": "TCP", "nodePort": 30080}
    await told(make_service(), make_slice(make_endpoint("10.244.1.5")))
    await told(make_service(type="NodePort", ports=[port]))
    assert [" ".join(operation.split(" ")[:2]) for operation in told.last] == [
        "add chain",
        "add rule",
        "add rule",
        "add element",
    ]


async def test_with_affinity_an_endpoint_is_a_set_and_a_chain(
    told: Any, make_service: Make, make_slice: Make, make_endpoint: Make
) -> None:
    """As in generation 1: the set must be told of the client, and that takes a rule before the DNAT."""
    await told(make_service(sessionAffinity="ClientIP"))
    await told(make_slice(make_endpoint("10.244.1.5"), make_endpoint("10.244.1.6")))
    kinds = [" ".join(operation.split(" ")[:2]) for operation in told.last]
    assert kinds.count("add set") == 2
    assert kinds.count("add chain") == 3
    assert kinds.count("add rule") == 3 + 2 * 2  # two that remember, one that chooses; two an endpoint
    assert len(kinds) == 14  # and the way in instead of the refusal
