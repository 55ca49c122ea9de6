"""The kernel's table follows what is wanted, and real servers end without breaking connections."""

from __future__ import annotations

import pytest

from labs.proxy.ipvs.fake import FakeIpvs
from labs.proxy.ipvs.servers import RealKey, Served, ServerKey, Step, virtual_server
from labs.proxy.ipvs.table import Table

TCP, UDP = ServerKey("tcp", "10.96.0.10", 80), ServerKey("udp", "10.96.0.10", 53)
A, B = RealKey("10.244.1.5", 8080), RealKey("10.244.2.7", 8080)


class Node:
    """A table on a fake kernel; ``want`` goes all the way."""

    def __init__(self, *excluded: str) -> None:
        self.ipvs = FakeIpvs()
        self.table = Table(self.ipvs, excluded)

    def want(self, *served: Served) -> list[str]:
        """The steps that it took."""
        wanted = {found.server.key: found for found in served}
        touched = {*wanted, *self.ipvs.table}
        self.ipvs.steps = []
        self.table.build(touched, wanted)
        self.table.raze(touched, wanted)
        return self.ipvs.steps


@pytest.fixture
def node() -> Node:
    return Node()


def served(key: ServerKey, *reals: RealKey, scheduler: str = "rr") -> Served:
    return Served(virtual_server(key, scheduler, 0), dict.fromkeys(reals, 1))


def test_a_new_server_comes_with_its_real_servers(node: Node) -> None:
    assert node.want(served(TCP, A)) == [
        "-A -t 10.96.0.10:80 -s rr",
        "-a -t 10.96.0.10:80 -r 10.244.1.5:8080 -m -w 1",
    ]


def test_what_is_as_wanted_is_left_alone(node: Node) -> None:
    node.want(served(TCP, A, B))
    assert node.want(served(TCP, A, B)) == []


def test_a_changed_scheduler_changes_the_server_and_keeps_its_real_servers(node: Node) -> None:
    node.want(served(TCP, A))
    assert node.want(served(TCP, A, scheduler="lc")) == ["-E -t 10.96.0.10:80 -s lc"]


def test_a_server_that_nobody_wants_goes_with_its_real_servers(node: Node) -> None:
    node.want(served(TCP, A))
    assert node.want() == ["-D -t 10.96.0.10:80"]


def test_a_real_server_without_connections_goes_at_once(node: Node) -> None:
    node.want(served(TCP, A, B))
    assert node.want(served(TCP, A)) == ["-d -t 10.96.0.10:80 -r 10.244.2.7:8080"]


@pytest.mark.parametrize("load", [{"active": 1}, {"inactive": 1}], ids=str)
def test_one_with_connections_gets_weight_0_and_goes_when_they_have_ended(
    node: Node, load: dict[str, int]
) -> None:
    node.want(served(TCP, A, B))
    node.ipvs.connect(TCP, B, **load)
    assert node.want(served(TCP, A)) == ["-e -t 10.96.0.10:80 -r 10.244.2.7:8080 -m -w 0"]
    assert node.table.end() == 0
    node.ipvs.connect(TCP, B)
    assert node.table.end() == 1
    assert B not in node.ipvs.reals(TCP)
    assert not node.table.ending


def test_one_that_has_ended_is_forgotten_by_the_full_sync_that_ends_it(node: Node) -> None:
    """It was removed once more, and the kernel refused that."""
    node.want(served(TCP, A, B))
    node.ipvs.connect(TCP, B, active=1)
    node.want(served(TCP, A))
    node.ipvs.connect(TCP, B)
    node.table.read()
    assert node.table.end() == 1
    assert node.want(served(TCP, A)) == []


def test_an_ending_one_is_not_ended_twice(node: Node) -> None:
    node.want(served(TCP, A, B))
    node.ipvs.connect(TCP, B, active=1)
    node.want(served(TCP, A))
    assert node.want(served(TCP, A)) == []


def test_an_ending_one_that_is_wanted_again_is_removed_and_added_anew(node: Node) -> None:
    node.want(served(TCP, A, B))
    node.ipvs.connect(TCP, B, active=1)
    node.want(served(TCP, A))
    assert node.want(served(TCP, A, B)) == [
        "-d -t 10.96.0.10:80 -r 10.244.2.7:8080",
        "-a -t 10.96.0.10:80 -r 10.244.2.7:8080 -m -w 1",
    ]
    assert not node.table.ending


def test_udp_does_not_wait_for_connections(node: Node) -> None:
    node.want(served(UDP, A, B))
    node.ipvs.connect(UDP, B, active=5)
    assert node.want(served(UDP, A)) == ["-d -u 10.96.0.10:53 -r 10.244.2.7:8080"]


def test_a_server_that_goes_takes_its_ending_real_servers_along(node: Node) -> None:
    node.want(served(TCP, A, B))
    node.ipvs.connect(TCP, B, active=1)
    node.want(served(TCP, A))
    node.want()
    assert not node.table.ending


def test_after_a_restart_weights_are_1_again(node: Node) -> None:
    node.want(served(TCP, A, B))
    node.ipvs.do([Step("set", virtual_server(TCP, "rr", 0), B, 0)])
    node.table = Table(node.ipvs)
    node.table.read()
    assert node.want(served(TCP, A, B)) == ["-e -t 10.96.0.10:80 -r 10.244.2.7:8080 -m -w 1"]


def test_a_restart_finds_servers_that_nobody_wants_and_removes_them(node: Node) -> None:
    node.want(served(TCP, A), served(UDP, A))
    node.table = Table(node.ipvs)
    assert set(node.table.read()) == {TCP, UDP}
    assert node.want(served(TCP, A)) == ["-D -u 10.96.0.10:53"]


def test_excluded_servers_stay() -> None:
    node = Node("10.96.0.0/16")
    node.ipvs.do([Step("add", virtual_server(TCP, "wlc", 0)), Step("add", virtual_server(TCP, "wlc", 0), A)])
    node.table.read()
    assert node.want() == []


def test_a_real_server_that_somebody_removed_meanwhile_is_not_waited_for(node: Node) -> None:
    node.want(served(TCP, A, B))
    node.ipvs.connect(TCP, B, active=1)
    node.want(served(TCP, A))
    node.ipvs.do([Step("del", virtual_server(TCP, "rr", 0), B)])
    assert node.table.end() == 0
    assert not node.table.ending


def test_a_missing_server_is_noticed(node: Node) -> None:
    node.want(served(TCP, A), served(UDP, A))
    assert node.table.unchanged()
    node.ipvs.do([Step("del", virtual_server(UDP, "rr", 0))])
    assert not node.table.unchanged()
