"""What is asked of the host, and set."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from labs.proxy.configuration import IPTables, KubeProxyConfiguration
from labs.proxy.iptables.host import BE_LIBERAL, ROUTE_LOCALNET, Host
from labs.proxy.mode import Setup
from labs.proxy.netfilter.kernel import Kernel
from labs.proxy.state import Family, Node, ProxyState

STATE = ProxyState(Family.IPV4, Node("worker-1", "192.168.56.11"))


@pytest.fixture
def sysctls(tmp_path: Path) -> Path:
    for name, value in ((ROUTE_LOCALNET, "0\n"), (BE_LIBERAL, "0\n")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(value)
    return tmp_path


def host(kernel: Any, sysctls: Path, config: KubeProxyConfiguration | None = None) -> Host:
    setup = Setup(Family.IPV4, config or KubeProxyConfiguration(), kernel)
    return Host(setup, Kernel(Family.IPV4, kernel), sysctls)


async def test_localhost_node_ports_make_loopback_routable(kernel: Any, sysctls: Path) -> None:
    options = await host(kernel, sysctls).prepare(STATE)
    assert options.serves_localhost
    assert (sysctls / ROUTE_LOCALNET).read_text() == "1"


@pytest.mark.parametrize(
    "config",
    [
        KubeProxyConfiguration(iptables=IPTables(localhost_node_ports=False)),
        KubeProxyConfiguration(node_port_addresses=("192.168.56.0/24",)),
    ],
)
async def test_loopback_is_left_alone_where_it_serves_no_node_port(
    kernel: Any, sysctls: Path, config: Any
) -> None:
    class WithAddresses(type(kernel)):  # type: ignore[misc]
        def _answer(self, argv: tuple[str, ...], text: str) -> tuple[int, str, str]:
            if argv[0] == "ip":
                return (
                    0,
                    "1: lo    inet 127.0.0.1/8\n2: eth0    inet 192.168.56.11/24\n",
                    "",
                )
            answer: tuple[int, str, str] = super()._answer(argv, text)
            return answer

    options = await host(WithAddresses(), sysctls, config).prepare(STATE)
    assert not options.serves_localhost
    assert (sysctls / ROUTE_LOCALNET).read_text() == "0\n"
    assert options.node_port_addresses in (None, ("192.168.56.11",))


async def test_a_sysctl_that_cannot_be_set_is_told_and_lived_with(
    kernel: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        options = await host(kernel, tmp_path / "nowhere").prepare(STATE)
    assert not options.serves_localhost
    assert "NodePorts do not answer on 127.0.0.1" in caplog.text


async def test_liberal_tracking_keeps_invalid_packets(kernel: Any, sysctls: Path) -> None:
    assert (await host(kernel, sysctls).prepare(STATE)).drop_invalid
    (sysctls / BE_LIBERAL).write_text("1\n")
    assert not (await host(kernel, sysctls).prepare(STATE)).drop_invalid
