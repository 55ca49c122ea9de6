"""The command line of kube-proxy: a table of flags, most of them another way to write a field of the file.

As with the real one, with --config the file alone decides about fields: flags for them are ignored
(a warning says which), except --hostname-override, which every node needs to differ in.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from labs.proxy.config import Loaded, as_data, load, read
from labs.proxy.configuration import KubeProxyConfiguration


class Flag(NamedTuple):
    """A flag and the field that it writes."""

    name: str
    field: str
    kind: str = "text"  # text, bool, int, list, gates


FLAGS = (
    Flag("bind-address", "bindAddress"),
    Flag("bind-address-hard-fail", "bindAddressHardFail", "bool"),
    Flag("cluster-cidr", "clusterCIDR"),
    Flag("config-sync-period", "configSyncPeriod"),
    Flag("conntrack-max-per-core", "conntrack.maxPerCore", "int"),
    Flag("conntrack-min", "conntrack.min", "int"),
    Flag("conntrack-tcp-be-liberal", "conntrack.tcpBeLiberal", "bool"),
    Flag("conntrack-tcp-timeout-close-wait", "conntrack.tcpCloseWaitTimeout"),
    Flag("conntrack-tcp-timeout-established", "conntrack.tcpEstablishedTimeout"),
    Flag("conntrack-udp-timeout", "conntrack.udpTimeout"),
    Flag("conntrack-udp-timeout-stream", "conntrack.udpStreamTimeout"),
    Flag("detect-local-mode", "detectLocalMode"),
    Flag("feature-gates", "featureGates", "gates"),
    Flag("healthz-bind-address", "healthzBindAddress"),
    Flag("hostname-override", "hostnameOverride"),
    Flag("iptables-localhost-nodeports", "iptables.localhostNodePorts", "bool"),
    Flag("iptables-masquerade-bit", "iptables.masqueradeBit", "int"),
    Flag("iptables-min-sync-period", "iptables.minSyncPeriod"),
    Flag("iptables-sync-period", "iptables.syncPeriod"),
    Flag("ipvs-exclude-cidrs", "ipvs.excludeCIDRs", "list"),
    Flag("ipvs-min-sync-period", "ipvs.minSyncPeriod"),
    Flag("ipvs-scheduler", "ipvs.scheduler"),
    Flag("ipvs-strict-arp", "ipvs.strictARP", "bool"),
    Flag("ipvs-sync-period", "ipvs.syncPeriod"),
    Flag("ipvs-tcp-timeout", "ipvs.tcpTimeout"),
    Flag("ipvs-tcpfin-timeout", "ipvs.tcpFinTimeout"),
    Flag("ipvs-udp-timeout", "ipvs.udpTimeout"),
    Flag("kube-api-burst", "clientConnection.burst", "int"),
    Flag("kube-api-content-type", "clientConnection.contentType"),
    Flag("kube-api-qps", "clientConnection.qps", "int"),
    Flag("kubeconfig", "clientConnection.kubeconfig"),
    Flag("masquerade-all", "iptables.masqueradeAll", "bool"),
    Flag("metrics-bind-address", "metricsBindAddress"),
    Flag("nodeport-addresses", "nodePortAddresses", "list"),
    Flag("oom-score-adj", "oomScoreAdj", "int"),
    Flag("pod-bridge-interface", "detectLocal.bridgeInterface"),
    Flag("pod-interface-name-prefix", "detectLocal.interfaceNamePrefix"),
    Flag("profiling", "enableProfiling", "bool"),
    Flag("proxy-mode", "mode"),
    Flag("proxy-port-range", "portRange"),
    Flag("show-hidden-metrics-for-version", "showHiddenMetricsForVersion"),
    Flag("udp-timeout", "udpIdleTimeout"),
    Flag("v", "logging.verbosity", "int"),
)

OF_MODE = {("masquerade-all", "nftables"): "nftables.masqueradeAll"}
"""(flag, mode) → the field that it writes in that mode, where it is another."""

TEXTS = {
    "config": "a file with a KubeProxyConfiguration; flags for its fields are then ignored",
    "write-config-to": "write the configuration with all defaults to this file, then exit",
    "log-file": "write the log to this file too",
}
SWITCHES = {
    "cleanup": "remove all of kube-proxy's rules, then exit",
    "init-only": "set what needs privileges, then exit",
}

WITHOUT_EFFECT = {
    "master": "the kubeconfig names the API server",
    "healthz-port": "use --healthz-bind-address",
    "metrics-port": "use --metrics-bind-address",
    "logging-format": "the log is text",
    "log-flush-frequency": "each line is written at once",
    "vmodule": "all modules log alike",
}
"""Flags of the real one that write no field and do nothing here."""

BOOLEANS = {"true": True, "false": False, "1": True, "0": False, "t": True, "f": False}


@dataclass(frozen=True)
class CommandLine:
    """What the flags ask for."""

    loaded: Loaded
    cleanup: bool = False
    init_only: bool = False
    write_config_to: str = ""
    log_file: str = ""
    flags: Mapping[str, str] = field(default_factory=dict)
    """All flags with their values, as text."""


def _boolean(text: str) -> bool:
    if text.lower() not in BOOLEANS:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return BOOLEANS[text.lower()]


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _gates(text: str) -> dict[str, bool]:
    return {name.strip(): _boolean(value) for name, _, value in (part.partition("=") for part in _list(text))}


TYPES: dict[str, Callable[[str], Any]] = {
    "text": str,
    "bool": _boolean,
    "int": int,
    "list": _list,
    "gates": _gates,
}


def parser() -> argparse.ArgumentParser:
    """The parser; dashes and equals signs as with Go's flags."""
    made = argparse.ArgumentParser(
        prog="kube-proxy",
        allow_abbrev=False,
        description="Makes Services work on this node: watches the API and programs the kernel.",
        epilog="example: kube-proxy --config=/var/lib/kube-proxy-config/config --hostname-override=worker-1",
    )
    for name, help in TEXTS.items():
        made.add_argument(f"--{name}", dest=name, default="", metavar="VALUE", help=help)
    for name, help in SWITCHES.items():
        made.add_argument(
            f"--{name}", dest=name, type=_boolean, nargs="?", const=True, default=False, help=help
        )
    for flag in FLAGS:
        names = (f"--{flag.name}", "-v") if flag.name == "v" else (f"--{flag.name}",)
        more: dict[str, Any] = {"nargs": "?", "const": True} if flag.kind == "bool" else {}
        made.add_argument(
            *names,
            dest=flag.name,
            type=TYPES[flag.kind],
            metavar="VALUE",
            help=f"the field {flag.field}",
            **more,
        )
    for name, instead in WITHOUT_EFFECT.items():
        made.add_argument(f"--{name}", dest=name, metavar="VALUE", help=f"no effect: {instead}")
    return made


def parse(argv: Sequence[str]) -> CommandLine:
    """Flags and file as one configuration; raises ConfigInvalid, and SystemExit on wrong usage."""
    given = vars(parser().parse_args(list(argv)))
    loaded = _from_file(given) if given["config"] else read(_fields(given), "of the command line")
    ignored = tuple(
        f"--{name} has no effect: {instead}"
        for name, instead in WITHOUT_EFFECT.items()
        if given[name] is not None
    )
    return CommandLine(
        replace(loaded, warnings=loaded.warnings + ignored),
        cleanup=given["cleanup"],
        init_only=given["init-only"],
        write_config_to=given["write-config-to"],
        log_file=given["log-file"],
        flags=_values(given),
    )


def _values(given: Mapping[str, Any]) -> dict[str, str]:
    """Every flag as Go would print it: what was given, else the default of its field."""
    defaults = as_data(KubeProxyConfiguration())
    found = {name: given[name] for name in (*TEXTS, *SWITCHES, *WITHOUT_EFFECT)}
    for flag in FLAGS:
        value: Any = defaults
        for part in flag.field.split("."):
            value = value[part]
        found[flag.name] = value if given[flag.name] is None else given[flag.name]
    return {name: _shown(value) for name, value in found.items()}


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return ",".join(f"{key}={_shown(each)}" for key, each in sorted(value.items()))
    return f"[{','.join(value)}]" if isinstance(value, list) else str(value)


def _from_file(given: dict[str, Any]) -> Loaded:
    loaded = load(Path(given["config"]))
    config = loaded.config
    if given["hostname-override"]:
        config = replace(config, hostname_override=given["hostname-override"])
    if given["v"] is not None:
        config = replace(config, logging=replace(config.logging, verbosity=given["v"]))
    lost = tuple(
        f"--{flag.name} has no effect: with --config the field {flag.field} of the file decides"
        for flag in FLAGS
        if given[flag.name] is not None and flag.name not in ("hostname-override", "v")
    )
    return Loaded(config, loaded.warnings + lost)


def _fields(given: dict[str, Any]) -> dict[str, Any]:
    """The flags as the plain data that a file would have given."""
    raw: dict[str, Any] = {}
    for flag in FLAGS:
        if given[flag.name] is not None:
            field = OF_MODE.get((flag.name, given["proxy-mode"]), flag.field)
            *groups, name = field.split(".")
            place = raw
            for group in groups:
                place = place.setdefault(group, {})
            place[name] = given[flag.name]
    return raw
