"""NodePorts are held open by who was first, and by nobody else."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from labs.proxy.state import ServicePort, ServicePortName
from labs.proxy.userspace.claims import Claim, Claims, Doors

A, B = ServicePortName("default", "a"), ServicePortName("default", "b")
HOST = "127.0.0.1"


@pytest.fixture
def port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        number: int = found.getsockname()[1]
        return number


@pytest.fixture
def claims() -> Iterator[Claims]:
    made = Claims()
    yield made
    made.close()


def taken(port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> bool:
    with socket.socket(socket.AF_INET, kind) as other:
        try:
            other.bind((HOST, port))
        except OSError:
            return True
        return False


@pytest.mark.parametrize(("protocol", "kind"), [("TCP", socket.SOCK_STREAM), ("UDP", socket.SOCK_DGRAM)])
def test_a_claimed_port_is_taken_until_it_is_released(
    claims: Claims, port: int, protocol: str, kind: socket.SocketKind
) -> None:
    claim = Claim(HOST, port, protocol)
    assert claims.update({A: [claim]}) == {A: set()}
    assert taken(port, kind)
    assert claims.owner(claim) == A
    assert claims.update({}) == {}
    assert not taken(port, kind)
    assert claims.owner(claim) is None


def test_a_claimed_tcp_port_listens_so_that_tools_show_it(claims: Claims, port: int) -> None:
    claims.update({A: [Claim(HOST, port, "TCP")]})
    with socket.create_connection((HOST, port)) as made:
        assert made.getpeername() == (HOST, port)


def test_a_second_owner_is_refused_and_told(
    claims: Claims, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    claim = Claim(HOST, port, "TCP")
    claims.update({B: [claim]})
    assert claims.update({A: [claim], B: [claim]}) == {A: {claim}, B: set()}  # who had it keeps it
    assert f"Port conflict detected on port {HOST}:{port}/TCP. default/a vs default/b" in caplog.text
    assert claims.update({A: [claim]}) == {A: set()}


def test_the_same_number_in_two_protocols_is_two_ports(claims: Claims, port: int) -> None:
    assert claims.update({A: [Claim(HOST, port, "TCP")], B: [Claim(HOST, port, "UDP")]}) == {
        A: set(),
        B: set(),
    }


def test_another_program_s_port_is_refused_until_it_is_free(
    claims: Claims, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server((HOST, 0)) as other:
        claim = Claim(HOST, other.getsockname()[1], "TCP")
        assert claims.update({A: [claim]}) == {A: {claim}}
        assert (
            f'can\'t open port {HOST}:{claim.port}/TCP for service "default/a": Address already'
            in caplog.text
        )
    assert claims.update({A: [claim]}) == {A: set()}


DOORS = Doors(frozenset({"198.51.100.7"}), ("0.0.0.0",))
SERVICE = ServicePort(A, "10.96.0.1", 80, node_port=30080, external_ips=("198.51.100.7", "198.51.100.8"))


def test_a_service_wants_its_node_port_and_addresses_that_are_the_node_s() -> None:
    assert DOORS.claims_of(SERVICE) == [Claim("198.51.100.7", 80, "TCP"), Claim("0.0.0.0", 30080, "TCP")]


def test_what_was_refused_has_no_rules() -> None:
    node_port, external = Claim("0.0.0.0", 30080, "TCP"), Claim("198.51.100.7", 80, "TCP")
    assert DOORS.without(SERVICE, {node_port}).node_port == 0
    assert DOORS.without(SERVICE, {external}).external_ips == ("198.51.100.8",)
    assert DOORS.without(SERVICE, set()) == SERVICE
