"""What may be wrong with a configuration whose fields all have the right type."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from labs.proxy.configuration import API_VERSION, KIND, KubeProxyConfiguration
from labs.proxy.portrange import port_range

DETECT_LOCAL_MODES = ("ClusterCIDR", "NodeCIDR", "BridgeInterface", "InterfaceNamePrefix")
NODE_PORT_WORDS = ("all", "primary", "localhost")


def problems(config: KubeProxyConfiguration) -> Iterator[tuple[str, str]]:
    """(path, what is wrong) of values that have the right type and are wrong nevertheless."""
    for at, value, allowed in (
        ("apiVersion", config.api_version, (API_VERSION,)),
        ("kind", config.kind, (KIND,)),
        ("detectLocalMode", config.detect_local_mode, ("", *DETECT_LOCAL_MODES)),
    ):
        if value not in allowed:
            yield at, f"found {shown(value)}, allowed: {', '.join(filter(None, allowed))}"
    yield from _periods(config)
    yield from _networks(config)
    yield from _bind_addresses(config)
    yield from _detector_values(config)
    yield from _userspace(config)


def _periods(config: KubeProxyConfiguration) -> Iterator[tuple[str, str]]:
    for name, section in (("iptables", config.iptables), ("nftables", config.nftables)):
        if section.sync_period <= 0:
            yield f"{name}.syncPeriod", f"found {section.sync_period:g} s, must be more than 0"
        if section.min_sync_period > section.sync_period:
            found, limit = section.min_sync_period, section.sync_period
            yield f"{name}.minSyncPeriod", f"found {found:g} s, must not exceed syncPeriod ({limit:g} s)"
        if not 0 <= section.masquerade_bit <= 31:
            bit = section.masquerade_bit
            yield f"{name}.masqueradeBit", f"found {bit}, must be 0 to 31: a mark has 32 bits"


def _networks(config: KubeProxyConfiguration) -> Iterator[tuple[str, str]]:
    for at, networks in (
        ("clusterCIDR", [text for text in config.cluster_cidr.split(",") if text]),
        ("nodePortAddresses", [text for text in config.node_port_addresses if text not in NODE_PORT_WORDS]),
    ):
        for network in networks:
            try:
                ip_network(network.strip(), strict=False)
            except ValueError:
                yield at, f"found {shown(network)}, which is no CIDR such as 10.244.0.0/16"


def _bind_addresses(config: KubeProxyConfiguration) -> Iterator[tuple[str, str]]:
    for at, value in (
        ("healthzBindAddress", config.healthz_bind_address),
        ("metricsBindAddress", config.metrics_bind_address),
    ):
        try:
            host_and_port(value)
        except ValueError:
            yield at, f"found {shown(value)}, which is no IP:PORT such as 0.0.0.0:10256"


def _detector_values(config: KubeProxyConfiguration) -> Iterator[tuple[str, str]]:
    needed = {
        "BridgeInterface": ("detectLocal.bridgeInterface", config.detect_local.bridge_interface),
        "InterfaceNamePrefix": ("detectLocal.interfaceNamePrefix", config.detect_local.interface_name_prefix),
    }
    at, value = needed.get(config.detect_local_mode, ("", "given"))
    if not value:
        yield at, f"is empty, but detectLocalMode is {config.detect_local_mode}"


def _userspace(config: KubeProxyConfiguration) -> Iterator[tuple[str, str]]:
    try:
        port_range(config.port_range)
    except ValueError as expected:
        yield "portRange", f"found {shown(config.port_range)}, expected {expected}"
    if config.udp_idle_timeout <= 0:
        yield "udpIdleTimeout", f"found {config.udp_idle_timeout:g} s, must be more than 0"


def host_and_port(text: str) -> tuple[str, int] | None:
    """``0.0.0.0:10256`` or ``[::]:10256`` split; None for the empty text; raises ValueError."""
    if not text:
        return None
    host, _, port = text.rpartition(":")
    return str(ip_address(host.strip("[]") or "0.0.0.0")), int(port)


def shown(value: object) -> str:
    """A value as errors show it, cut where it is long."""
    return repr(value)[:80]
