"""The configuration file, read whole: nothing in it is overlooked, nothing is guessed.

An unknown field is an error with its path, since it is most often a misspelt one. A known field that
has no effect here is a warning. Kubernetes reads v1alpha1 leniently and only warns; a lab where one
changes the mode by editing this file must not swallow a typing mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from difflib import get_close_matches
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import yaml

from labs.errors import LabError
from labs.proxy.configuration import API_VERSION, KIND, KubeProxyConfiguration, Seconds

T = TypeVar("T")

DETECT_LOCAL_MODES = ("ClusterCIDR", "NodeCIDR", "BridgeInterface", "InterfaceNamePrefix")
NODE_PORT_WORDS = ("all", "primary", "localhost")
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


class ConfigInvalid(LabError):
    """The configuration file or a flag is not as it must be; the message names file and field."""


@dataclass(frozen=True)
class Loaded:
    """A configuration and what to tell its author about it."""

    config: KubeProxyConfiguration
    warnings: tuple[str, ...] = ()


def load(path: Path) -> Loaded:
    """Read and check a file; raises ConfigInvalid."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigInvalid(
            f"configuration {path}: {error.strerror}", "check the path given with --config"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigInvalid(
            f"configuration {path}: not YAML: {error}", "correct the line it names"
        ) from error
    return read(raw, str(path))


def read(raw: Any, source: str) -> Loaded:
    """A configuration from plain data; ``source`` is what errors call it."""
    reader = Reader(source)
    config = reader.structure(KubeProxyConfiguration, raw, "")
    for at, problem in problems(config):
        raise reader.error(at, problem)
    return Loaded(config, tuple(reader.warnings))


def seconds(value: object) -> Seconds:
    """A duration as Go writes it: 30s, 1m30s, 250ms; raises ValueError."""
    text = str(value)
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)", text)
    if text != "0" and (not parts or "".join(map("".join, parts)) != text):
        raise ValueError("a duration such as 30s, 1m30s or 250ms")
    return Seconds(sum(float(number) * UNITS[unit] for number, unit in parts))


def _exactly(kind: type, words: str) -> Callable[[object], Any]:
    def check(value: object) -> object:
        if type(value) is not kind:
            raise ValueError(words)
        return value

    return check


def _strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("a list of texts")
    return tuple(value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number")
    return float(value)


READERS: dict[Any, Callable[[Any], Any]] = {
    str: _exactly(str, "a text"),
    bool: _exactly(bool, "true or false"),
    int: _exactly(int, "a whole number"),
    float: _number,
    Seconds: seconds,
    tuple[str, ...]: _strings,
    Mapping[str, Any]: _exactly(dict, "a mapping"),
    Any: lambda value: value,
}
"""How the value of a field is read, by the field's type; each raises ValueError with what is expected."""


class Reader:
    """Reads plain data into the configuration's classes, noting warnings on its way."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.warnings: list[str] = []

    def structure(self, kind: type[T], raw: Any, path: str) -> T:
        """A mapping as this class; null and missing fields get their defaults."""
        if not isinstance(raw, dict):
            raise self.error(path or "the whole", f"found {_shown(raw)}, expected a mapping of fields")
        types = get_type_hints(kind)
        known = {field.metadata["name"]: field for field in fields(kind)}  # type: ignore[arg-type]
        values = {}
        for name, value in raw.items():
            at = f"{path}.{name}" if path else str(name)
            if name not in known:
                raise self.error(at, f"unknown field{_did_you_mean(str(name), known)}")
            if value is not None:
                field = known[name]
                values[field.name] = self._value(types[field.name], value, at)
                self._warn(at, field.metadata["unused"])
        return kind(**values)

    def _value(self, kind: Any, value: Any, at: str) -> Any:
        if is_dataclass(kind):
            return self.structure(kind, value, at)  # type: ignore[arg-type]
        try:
            return READERS[kind](value)
        except ValueError as expected:
            raise self.error(at, f"found {_shown(value)}, expected {expected}") from None

    def _warn(self, at: str, unused: str) -> None:
        if unused:
            self.warnings.append(f"{self.source}: {at} has no effect: {unused}")

    def error(self, at: str, problem: str) -> ConfigInvalid:
        """The error for the field at this path."""
        message = f"configuration {self.source}: {at}: {problem}"
        return ConfigInvalid(message, "correct the field and start kube-proxy again")


def problems(config: KubeProxyConfiguration) -> Iterator[tuple[str, str]]:
    """(path, what is wrong) of values that have the right type and are wrong nevertheless."""
    for at, value, allowed in (
        ("apiVersion", config.api_version, (API_VERSION,)),
        ("kind", config.kind, (KIND,)),
        ("detectLocalMode", config.detect_local_mode, ("", *DETECT_LOCAL_MODES)),
    ):
        if value not in allowed:
            yield at, f"found {_shown(value)}, allowed: {', '.join(filter(None, allowed))}"
    yield from _periods(config)
    yield from _networks(config)
    yield from _bind_addresses(config)
    yield from _detector_values(config)


def _periods(config: KubeProxyConfiguration) -> Iterator[tuple[str, str]]:
    tables = config.iptables
    if tables.sync_period <= 0:
        yield "iptables.syncPeriod", f"found {tables.sync_period:g} s, must be more than 0"
    if tables.min_sync_period > tables.sync_period:
        found, limit = tables.min_sync_period, tables.sync_period
        yield "iptables.minSyncPeriod", f"found {found:g} s, must not exceed syncPeriod ({limit:g} s)"
    if not 0 <= tables.masquerade_bit <= 31:
        yield "iptables.masqueradeBit", f"found {tables.masquerade_bit}, must be 0 to 31: a mark has 32 bits"


def _networks(config: KubeProxyConfiguration) -> Iterator[tuple[str, str]]:
    for at, networks in (
        ("clusterCIDR", [text for text in config.cluster_cidr.split(",") if text]),
        ("nodePortAddresses", [text for text in config.node_port_addresses if text not in NODE_PORT_WORDS]),
    ):
        for network in networks:
            try:
                ip_network(network.strip(), strict=False)
            except ValueError:
                yield at, f"found {_shown(network)}, which is no CIDR such as 10.244.0.0/16"


def _bind_addresses(config: KubeProxyConfiguration) -> Iterator[tuple[str, str]]:
    for at, value in (
        ("healthzBindAddress", config.healthz_bind_address),
        ("metricsBindAddress", config.metrics_bind_address),
    ):
        try:
            host_and_port(value)
        except ValueError:
            yield at, f"found {_shown(value)}, which is no IP:PORT such as 0.0.0.0:10256"


def _detector_values(config: KubeProxyConfiguration) -> Iterator[tuple[str, str]]:
    needed = {
        "BridgeInterface": ("detectLocal.bridgeInterface", config.detect_local.bridge_interface),
        "InterfaceNamePrefix": ("detectLocal.interfaceNamePrefix", config.detect_local.interface_name_prefix),
    }
    at, value = needed.get(config.detect_local_mode, ("", "given"))
    if not value:
        yield at, f"is empty, but detectLocalMode is {config.detect_local_mode}"


def host_and_port(text: str) -> tuple[str, int] | None:
    """``0.0.0.0:10256`` or ``[::]:10256`` split; None for the empty text; raises ValueError."""
    if not text:
        return None
    host, _, port = text.rpartition(":")
    return str(ip_address(host.strip("[]") or "0.0.0.0")), int(port)


def as_data(config: Any) -> dict[str, Any]:
    """The configuration as plain data under its YAML names, as /configz and --write-config-to show it."""
    types = get_type_hints(type(config))
    return {
        field.metadata["name"]: _plain(getattr(config, field.name), types[field.name])
        for field in fields(config)
    }


def _plain(value: Any, kind: Any) -> Any:
    if is_dataclass(value):
        return as_data(value)
    if kind is Seconds:
        return duration(value)
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def duration(value: float) -> str:
    """As Go prints it: 30s, 1m30s, 1h0m0s, 250ms."""
    if 0 < value < 1:
        return f"{value * 1000:g}ms"
    hours, rest = divmod(value, 3600)
    minutes, rest = divmod(rest, 60)
    return (f"{hours:.0f}h" if hours else "") + (f"{minutes:.0f}m" if hours or minutes else "") + f"{rest:g}s"


def _shown(value: object) -> str:
    return repr(value)[:80]


def _did_you_mean(name: str, known: Mapping[str, object]) -> str:
    close = get_close_matches(name, known, n=1) or [found for found in known if found.lower() == name.lower()]
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(sorted(known))}"
