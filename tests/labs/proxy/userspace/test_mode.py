"""The mode as a whole: sockets, rules and claims follow the API (upstream's userspace proxier_test)."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from labs.proxy.changes import Changes
from labs.proxy.config import ConfigInvalid, read
from labs.proxy.mode import Setup, SyncFailed
from labs.proxy.netfilter.fake import Iptables
from labs.proxy.state import Changed, Family, Node
from labs.proxy.userspace import chains
from labs.proxy.userspace.mode import UserspaceMode
from vm.command import Completed

HOST = "127.0.0.1"
NODE = Node("worker-1", "192.168.56.11")
ADDRESSES = f"1: lo    inet {HOST}/8 scope host lo\\\n2: eth0    inet 192.168.56.11/24 scope global eth0\\\n"
Object = dict[str, Any]


class Driver:
    """The mode, fed with objects as a proxier feeds it."""

    def __init__(self, kernel: Iptables, **config: Any) -> None:
        async def run(argv: tuple[str, ...], **more: Any) -> Completed:
            if argv[0] == "ip":
                return Completed(argv, 0, ADDRESSES, "")
            return await kernel(argv, **more)

        given = {"mode": "userspace", "clusterCIDR": "10.244.0.0/16", **config}
        self.mode = UserspaceMode(Setup(Family.IPV4, read(given, "the test").config, run))
        self.changes = Changes(Family.IPV4, NODE)
        self.full = True

    async def set(self, *objects: Object, gone: bool = False) -> Any:
        for item in objects:
            change = self.changes.service if item["kind"] == "Service" else self.changes.endpoint_slice
            change(item if gone else None, None if gone else item)
        changed, self.full = Changed(self.changes.apply().names, everything=self.full), False
        return await self.mode.sync(self.changes.state, changed)

    @property
    def ports(self) -> dict[str, int]:
        return {protocol: port for protocol, port, _ in self.mode.relays()}


@pytest.fixture
async def driver(kernel: Iptables) -> AsyncIterator[Driver]:
    made = Driver(kernel)
    yield made
    await made.mode.close()


@pytest.fixture
def backend() -> Iterator[socket.socket]:
    with socket.create_server((HOST, 0)) as made:
        made.setblocking(False)
        yield made


async def asks(port: int) -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    await asyncio.get_running_loop().sock_connect(made, (HOST, port))
    return made


async def refused(port: int) -> bool:
    try:
        (await asks(port)).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.fixture
def slice_of(
    make_slice: Callable[..., Object], make_endpoint: Callable[..., Object]
) -> Callable[..., Object]:
    def make(made: socket.socket) -> Object:
        host, port = made.getsockname()
        return make_slice(make_endpoint(host), port=port)

    return make


async def test_a_connection_goes_to_the_endpoint(
    driver: Driver, make_service: Any, slice_of: Any, backend: socket.socket
) -> None:
    await driver.set(make_service(), slice_of(backend))
    with await asks(driver.ports["tcp"]) as client:
        loop = asyncio.get_running_loop()
        server, _ = await asyncio.wait_for(loop.sock_accept(backend), 5)
        with server:
            await loop.sock_sendall(client, b"hello")
            assert await asyncio.wait_for(loop.sock_recv(server, 5), 5) == b"hello"


async def test_rules_lead_to_the_port_that_is_listened_on(
    driver: Driver, make_service: Any, kernel: Iptables
) -> None:
    await driver.set(make_service(type="NodePort"))
    (rule,) = kernel.tables["nat"][chains.PORTALS_CONTAINER]
    assert rule.endswith(f"-d 10.96.0.10 -j REDIRECT --to-ports {driver.ports['tcp']}")


async def test_a_deleted_service_s_port_is_closed_and_its_rules_go(
    driver: Driver, make_service: Any, kernel: Iptables
) -> None:
    """TestTCPProxyStop, TestTCPProxyUpdateDelete; and back again: …UpdateDeleteUpdate."""
    await driver.set(make_service())
    before = driver.ports["tcp"]
    await driver.set(make_service(), gone=True)
    assert await refused(before)
    assert not any(kernel.tables["nat"][chain] for chain in chains.CHAINS["nat"])
    await driver.set(make_service())
    assert not await refused(driver.ports["tcp"])


async def test_another_port_of_the_service_changes_the_rules_and_keeps_the_socket(
    driver: Driver, make_service: Any, kernel: Iptables
) -> None:
    """TestTCPProxyUpdatePort: what is connected stays connected."""
    await driver.set(make_service())
    before = driver.ports
    port = {"name": "http", "port": 99, "protocol": "TCP"}
    driver.changes.service(make_service(), make_service(ports=[port]))
    await driver.set()
    assert driver.ports == before
    assert "--dport 99 " in kernel.tables["nat"][chains.PORTALS_CONTAINER][0]


async def test_public_addresses_come_and_go(driver: Driver, make_service: Any, kernel: Iptables) -> None:
    """TestProxyUpdatePublicIPs."""
    await driver.set(make_service())
    await driver.set(make_service(externalIPs=["198.51.100.7"]))
    assert any("-d 198.51.100.7" in rule for rule in kernel.tables["nat"][chains.PORTALS_CONTAINER])
    await driver.set(make_service())
    assert len(kernel.tables["nat"][chains.PORTALS_CONTAINER]) == 1


async def test_a_service_that_becomes_headless_has_no_portal_and_gets_it_back(
    driver: Driver, make_service: Any, kernel: Iptables
) -> None:
    """TestProxyUpdatePortal."""
    await driver.set(make_service())
    await driver.set(make_service(clusterIP="None"))
    assert driver.ports == {}
    await driver.set(make_service())
    assert len(kernel.tables["nat"][chains.PORTALS_CONTAINER]) == 1


async def test_each_port_has_a_socket_of_its_own(driver: Driver, make_service: Any) -> None:
    """TestMultiPortProxy, TestMultiPortOnServiceAdd."""
    names = (("p", "TCP"), ("q", "TCP"), ("dns", "UDP"))
    ports = [{"name": name, "port": 80 + at, "protocol": what} for at, (name, what) in enumerate(names)]
    await driver.set(make_service(ports=ports))
    assert len({port for _, port, _ in driver.mode.relays()}) == 3
    assert sorted(protocol for protocol, _, _ in driver.mode.relays()) == ["tcp", "tcp", "udp"]


async def test_sctp_has_no_relay_and_says_so(
    driver: Driver, make_service: Any, caplog: pytest.LogCaptureFixture
) -> None:
    result = await driver.set(make_service(ports=[{"name": "http", "port": 80, "protocol": "SCTP"}]))
    assert driver.mode.relays() == []
    assert result.again == 0
    assert 'Failed to start proxy for service "default/web:http": no relay knows SCTP' in caplog.text


async def test_no_change_writes_nothing(driver: Driver, make_service: Any, kernel: Iptables) -> None:
    await driver.set(make_service())
    written = len(kernel.payloads)
    result = await driver.set()
    assert len(kernel.payloads) == written
    assert (result.full, result.written) == (False, False)


async def test_ready_endpoints_are_used_and_terminating_ones_where_there_are_none(
    driver: Driver, make_service: Any, make_slice: Any, make_endpoint: Any
) -> None:
    going = make_endpoint("10.244.1.6", ready=False, serving=True, terminating=True)
    await driver.set(make_service(), make_slice(make_endpoint("10.244.1.5"), going))
    assert driver.mode.relays()[0][2] == ["10.244.1.5:8080"]
    await driver.set(make_slice(going))
    assert driver.mode.relays()[0][2] == ["10.244.1.6:8080"]


async def test_jumps_out_of_order_are_put_in_anew(
    driver: Driver, make_service: Any, kernel: Iptables
) -> None:
    await driver.set(make_service())
    before = list(kernel.tables["nat"]["PREROUTING"])
    assert [rule.rsplit(" ", 1)[1] for rule in before] == [
        chains.PORTALS_POD,
        chains.PORTALS_CONTAINER,
        chains.NODE_PORT_CONTAINER,
    ]
    kernel.tables["nat"]["PREROUTING"] = [before[1], "-j THEIRS", before[2]]
    assert not await driver.mode.intact()
    driver.full = True
    await driver.set()
    assert kernel.tables["nat"]["PREROUTING"] == [before[0], before[1], "-j THEIRS", before[2]]
    assert await driver.mode.intact()


async def test_flushed_rules_are_noticed(driver: Driver, make_service: Any, kernel: Iptables) -> None:
    await driver.set(make_service())
    kernel.tables["nat"][chains.PORTALS_HOST] = []
    assert not await driver.mode.intact()


async def test_a_failed_write_makes_the_next_sync_whole(
    driver: Driver, make_service: Any, kernel: Iptables
) -> None:
    await driver.set()
    kernel.refuse = "REDIRECT"
    with pytest.raises(SyncFailed) as failed:
        await driver.set(make_service())
    assert failed.value.partial
    kernel.refuse = ""
    assert (await driver.set()).full
    assert kernel.tables["nat"][chains.PORTALS_CONTAINER]


async def test_a_taken_node_port_has_no_rules_and_is_tried_again(
    driver: Driver, make_service: Any, kernel: Iptables
) -> None:
    def service(port: int) -> Object:
        made: Object = make_service(type="NodePort")
        made["spec"]["ports"][0]["nodePort"] = port
        return made

    with socket.create_server(("", 0)) as other:
        wanted = service(other.getsockname()[1])
        result = await driver.set(wanted)
        assert result.again > 0
        assert kernel.tables["nat"][chains.NODE_PORT_CONTAINER] == []
    assert (await driver.set()).again == 0
    assert len(kernel.tables["nat"][chains.NODE_PORT_CONTAINER]) == 1


async def test_ports_come_from_the_range_that_is_given(
    kernel: Iptables, make_service: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as found:
        found.bind(("", 0))
        free = found.getsockname()[1]
    driver = Driver(kernel, portRange=f"{free}-{free}")
    await driver.set(make_service())
    assert driver.ports == {"tcp": free}
    result = await driver.set(make_service("more", clusterIP="10.96.0.11"))
    assert result.again > 0
    assert "no remaining ports left to allocate in the accepted range" in caplog.text
    await driver.mode.close()


async def test_cleanup_takes_all_of_ours_and_nothing_else(
    driver: Driver, make_service: Any, kernel: Iptables
) -> None:
    kernel.tables["nat"]["PREROUTING"] = ["-j THEIRS"]
    await driver.set(make_service(type="NodePort"))
    await driver.mode.cleanup()
    assert kernel.tables["nat"]["PREROUTING"] == ["-j THEIRS"]
    assert not any("KUBE" in chain for chains in kernel.tables.values() for chain in chains)


async def test_each_step_is_logged(
    driver: Driver, make_service: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await driver.set(make_service())
    port = driver.ports["tcp"]
    await driver.set(make_service(), gone=True)
    assert f'Proxying for service "default/web:http" on TCP port {port}' in caplog.messages
    assert f'Stopped proxying for service "default/web:http" on port {port}' in caplog.messages


def test_listening_on_localhost_is_refused(kernel: Iptables) -> None:
    with pytest.raises(ConfigInvalid, match=r"bindAddress: found 127.0.0.1; mode userspace cannot proxy"):
        Driver(kernel, bindAddress="127.0.0.1")
