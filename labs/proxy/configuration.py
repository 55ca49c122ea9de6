"""KubeProxyConfiguration ``kubeproxy.config.k8s.io/v1alpha1``: each field, its default, its effect.

The classes are the table; ``config.py`` loops over it. A field with a reason in ``unused`` is known and
accepted, and a file that sets it gets that reason as a warning: an operator must not believe in a
setting that does nothing.
"""

# ruff: noqa: RUF009  # setting() is dataclasses.field with our metadata

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NewType

API_VERSION = "kubeproxy.config.k8s.io/v1alpha1"
KIND = "KubeProxyConfiguration"

NOT_IN_A_NAMESPACE = "the kernel has one value for the whole host and a network namespace cannot set it"
NOT_OURS = "this kube-proxy does not have what it sets"
NOT_THIS_SYSTEM = "it is for Windows nodes"

NETLINK_GATE = "NFTablesNetlink"
GATES = (NETLINK_GATE,)
"""The features that have a gate here."""

Seconds = NewType("Seconds", float)
"""A duration; files and flags write it as Go does: 1m30s, 250ms."""


def setting(name: str, default: Any, unused: str = "", *, only: str = "") -> Any:
    """A field: its name in YAML, its default, why it has no effect if it has none, the mode it belongs to."""
    metadata = {"name": name, "unused": unused, "only": only}
    if isinstance(default, type):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class ClientConnection:
    """How to reach the API."""

    kubeconfig: str = setting("kubeconfig", "")
    accept_content_types: str = setting("acceptContentTypes", "", NOT_OURS)
    content_type: str = setting("contentType", "application/json", NOT_OURS)
    qps: float = setting("qps", 5.0, NOT_OURS)
    burst: int = setting("burst", 10, NOT_OURS)


@dataclass(frozen=True)
class DetectLocal:
    """Values of detectLocalMode BridgeInterface and InterfaceNamePrefix."""

    bridge_interface: str = setting("bridgeInterface", "")
    interface_name_prefix: str = setting("interfaceNamePrefix", "")


@dataclass(frozen=True)
class IPTables:
    """Mode iptables; ipvs takes its masquerade settings from here too."""

    masquerade_bit: int = setting("masqueradeBit", 14)
    masquerade_all: bool = setting("masqueradeAll", False)
    localhost_node_ports: bool = setting("localhostNodePorts", True)
    sync_period: Seconds = setting("syncPeriod", Seconds(30))
    min_sync_period: Seconds = setting("minSyncPeriod", Seconds(1))


@dataclass(frozen=True)
class IPVS:
    """Mode ipvs."""

    sync_period: Seconds = setting("syncPeriod", Seconds(30), only="ipvs")
    min_sync_period: Seconds = setting("minSyncPeriod", Seconds(1), only="ipvs")
    scheduler: str = setting("scheduler", "", only="ipvs")
    exclude_cidrs: tuple[str, ...] = setting("excludeCIDRs", (), only="ipvs")
    strict_arp: bool = setting("strictARP", False, only="ipvs")
    tcp_timeout: Seconds = setting("tcpTimeout", Seconds(0), only="ipvs")
    tcp_fin_timeout: Seconds = setting("tcpFinTimeout", Seconds(0), only="ipvs")
    udp_timeout: Seconds = setting("udpTimeout", Seconds(0), only="ipvs")


@dataclass(frozen=True)
class NFTables:
    """Mode nftables."""

    masquerade_bit: int = setting("masqueradeBit", 14)
    masquerade_all: bool = setting("masqueradeAll", False)
    sync_period: Seconds = setting("syncPeriod", Seconds(30))
    min_sync_period: Seconds = setting("minSyncPeriod", Seconds(1))


@dataclass(frozen=True)
class Winkernel:
    """Mode kernelspace."""

    network_name: str = setting("networkName", "", NOT_THIS_SYSTEM)
    source_vip: str = setting("sourceVip", "", NOT_THIS_SYSTEM)
    enable_dsr: bool = setting("enableDSR", False, NOT_THIS_SYSTEM)
    root_hns_endpoint_name: str = setting("rootHnsEndpointName", "", NOT_THIS_SYSTEM)
    forward_health_check_vip: bool = setting("forwardHealthCheckVip", False, NOT_THIS_SYSTEM)


@dataclass(frozen=True)
class Conntrack:
    """Connection tracking. Time-outs and tcpBeLiberal are a namespace's own, the maxima are the host's."""

    max_per_core: int = setting("maxPerCore", 32768, NOT_IN_A_NAMESPACE)
    min: int = setting("min", 131072, NOT_IN_A_NAMESPACE)
    tcp_established_timeout: Seconds = setting("tcpEstablishedTimeout", Seconds(86400))
    tcp_close_wait_timeout: Seconds = setting("tcpCloseWaitTimeout", Seconds(3600))
    tcp_be_liberal: bool = setting("tcpBeLiberal", False)
    udp_timeout: Seconds = setting("udpTimeout", Seconds(0))
    udp_stream_timeout: Seconds = setting("udpStreamTimeout", Seconds(0))


@dataclass(frozen=True)
class Logging:
    """Log output."""

    format: str = setting("format", "text", NOT_OURS)
    flush_frequency: Any = setting("flushFrequency", "5s", NOT_OURS)
    verbosity: int = setting("verbosity", 0)
    vmodule: Any = setting("vmodule", list, NOT_OURS)
    options: Mapping[str, Any] = setting("options", dict, NOT_OURS)


@dataclass(frozen=True)
class KubeProxyConfiguration:
    """The whole file."""

    api_version: str = setting("apiVersion", API_VERSION)
    kind: str = setting("kind", KIND)
    mode: str = setting("mode", "")
    cluster_cidr: str = setting("clusterCIDR", "")
    detect_local_mode: str = setting("detectLocalMode", "ClusterCIDR")
    detect_local: DetectLocal = setting("detectLocal", DetectLocal)
    node_port_addresses: tuple[str, ...] = setting("nodePortAddresses", ())
    hostname_override: str = setting("hostnameOverride", "")
    bind_address: str = setting("bindAddress", "0.0.0.0")
    bind_address_hard_fail: bool = setting("bindAddressHardFail", False)
    healthz_bind_address: str = setting("healthzBindAddress", "0.0.0.0:10256")
    metrics_bind_address: str = setting("metricsBindAddress", "127.0.0.1:10249")
    enable_profiling: bool = setting("enableProfiling", False, "Python has no pprof")
    show_hidden_metrics_for_version: str = setting("showHiddenMetricsForVersion", "", "no metric is hidden")
    config_sync_period: Seconds = setting(
        "configSyncPeriod", Seconds(900), "a watch misses nothing, so nothing is read again"
    )
    oom_score_adj: int = setting("oomScoreAdj", -999, "a user namespace cannot lower it")
    port_range: str = setting("portRange", "", only="userspace")
    udp_idle_timeout: Seconds = setting("udpIdleTimeout", Seconds(0.25), only="userspace")  # gone in 1.26
    feature_gates: Mapping[str, Any] = setting("featureGates", dict)
    windows_run_as_service: bool = setting("windowsRunAsService", False, NOT_THIS_SYSTEM)
    client_connection: ClientConnection = setting("clientConnection", ClientConnection)
    iptables: IPTables = setting("iptables", IPTables)
    ipvs: IPVS = setting("ipvs", IPVS)
    nftables: NFTables = setting("nftables", NFTables)
    winkernel: Winkernel = setting("winkernel", Winkernel)
    conntrack: Conntrack = setting("conntrack", Conntrack)
    logging: Logging = setting("logging", Logging)

    @property
    def periods(self) -> IPTables | IPVS | NFTables:
        """The section of the mode, as far as sync periods go."""
        sections: dict[str, IPTables | IPVS | NFTables] = {"ipvs": self.ipvs, "nftables": self.nftables}
        return sections.get(self.mode, self.iptables)


def with_defaults_of_mode(config: KubeProxyConfiguration) -> KubeProxyConfiguration:
    """NodePorts answer on every address of the node, in mode nftables only on its primary one."""
    if config.mode == "nftables" and not config.node_port_addresses:
        return replace(config, node_port_addresses=("primary",))
    return config
