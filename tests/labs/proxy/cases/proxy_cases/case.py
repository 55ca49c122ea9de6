"""The table of cases, read: each file of ``cases/`` is one, and says what must become of packets.

    about: what it is about
    features: [...]            which of features.yaml it proves
    families: [IPv4]           default: both
    config: {...}              fields of KubeProxyConfiguration, over clusterCIDR: $pods
    services:                  name → spec as in Kubernetes; `balancer` stands for status.loadBalancer.ingress
      web: {clusterIP: $vip, ports: [{port: 80}]}
    endpoints:                 name of the Service → pods; or pod → conditions and hints of its endpoint
      web: [near, far]
    objects: [...]             whole objects, where the short form does not say it
    flows:
    - {from: pod, to: "vip:80", get: [near, far], sees: kept}
    then:                      later steps: what changes (null deletes), and flows again
    - {endpoints: {web: [far]}, flows: [...]}

``get``: a backend, a list of equals, backend → share; or REJECT, DROP, PASS (the proxy leaves it alone),
CLOSE (accepted, then closed without a word). ``sees``: whether a backend sees who asks (kept), worker-1
(masqueraded), or the very address that was asked (asked): worker-1's own packets have it in mode ipvs, where
that address is bound to kube-ipvs0 and a host asks itself from the address it asks. A mode that differs by
design has the difference under its name: ``nftables: DROP`` or ``nftables: {get: far, sees: kept}``;
``ipvs: {skip: why}`` leaves the flow out there. ``paper: why`` is for what no packet of this network can
show; ``sticky: true`` says that the first choice is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml
from proxy_cases.objects import objects_of
from proxy_cases.places import FAMILIES, PLACES, placed

FOLDER = Path(__file__).parent.parent
VERDICTS = ("REJECT", "DROP", "PASS", "CLOSE")
SEES = ("kept", "masqueraded", "asked")
PROTOCOLS = ("tcp", "udp", "sctp")
MODES = ("userspace", "iptables", "ipvs", "nftables")
WORDS = {"from", "to", "protocol", "get", "sees", "sticky", "paper", *MODES}

EVERYWHERE: dict[str, dict[str, str]] = {
    # The relay asks the backend by a connection of its own, which starts on worker-1.
    "userspace": {"sees": "masqueraded"},
}
"""Differences that hold for all flows of a mode."""

Object = dict[str, Any]


class CaseInvalid(Exception):
    """A case does not say what it must; the message names file, flow and field."""


@dataclass(frozen=True, slots=True)
class End:
    """What must become of a flow: shares of backends or a verdict, and which source backends see."""

    shares: Mapping[str, Fraction]
    sees: str = "kept"
    sticky: bool = False
    skip: str = ""

    @property
    def verdict(self) -> str:
        """REJECT, DROP, PASS or CLOSE; empty if backends answer."""
        return next((name for name in self.shares if name in VERDICTS), "")

    @property
    def masqueraded(self) -> bool:
        """Whether a rule has to change the source."""
        return self.sees == "masqueraded"


@dataclass(frozen=True, slots=True)
class Flow:
    """Who asks what; ``ends`` has a mode's end where it differs from ``end``."""

    asker: str
    to: str
    port: int
    protocol: str
    end: End
    ends: Mapping[str, End] = field(default_factory=dict)
    paper: str = ""

    def end_in(self, mode: str) -> End:
        """What must become of it in this mode."""
        return self.ends.get(mode, self.end)

    def __str__(self) -> str:
        return f"{self.asker} → {self.to}:{self.port}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class Step:
    """Objects that there are, and what must become of flows while there are these."""

    objects: tuple[Object, ...]
    flows: tuple[Flow, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One file in one IP family."""

    name: str
    family: str
    about: str
    features: tuple[str, ...]
    config: Object
    steps: tuple[Step, ...]
    alone: bool = False  # whether the file is for this family only

    @property
    def flows(self) -> list[Flow]:
        """The flows of all steps."""
        return [flow for step in self.steps for flow in step.flows]

    def __str__(self) -> str:
        return f"{self.name}-{self.family}"


def paths() -> list[Path]:
    """The files of the table."""
    return sorted(FOLDER.glob("*.yaml"))


def cases() -> list[Case]:
    """The whole table, each file in each of its families."""
    return [case for path in paths() for case in read(path)]


def read(path: Path) -> Iterator[Case]:
    """One file in each of its families; raises CaseInvalid."""
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    families = raw.get("families", FAMILIES)
    for family in families:
        given = placed(raw, family)
        config = {"clusterCIDR": placed("$pods", family), **given.get("config", {})}
        steps = tuple(_steps(path.stem, given, family))
        features = tuple(given.get("features", ()))
        yield Case(path.stem, family, given["about"], features, config, steps, alone=len(families) == 1)


def _steps(name: str, given: Object, family: str) -> Iterator[Step]:
    """Each step has the objects of the one before, but for what it says anew."""
    whole: Object = {"services": {}, "endpoints": {}, "objects": []}
    for step in (given, *given.get("then", ())):
        whole = {
            "services": _merged(whole["services"], step.get("services", {})),
            "endpoints": _merged(whole["endpoints"], step.get("endpoints", {})),
            "objects": step.get("objects", whole["objects"]),
        }
        flows = tuple(_flow(name, flow) for flow in step.get("flows", ()))
        yield Step(tuple(objects_of(whole, family)), flows)


def _merged(before: Object, changes: Object) -> Object:
    return {name: value for name, value in {**before, **changes}.items() if value is not None}


def _flow(name: str, raw: Object) -> Flow:
    try:
        return _read_flow(raw)
    except (KeyError, ValueError) as error:
        raise CaseInvalid(f"case {name}, flow {raw}: {error}") from error


def _read_flow(raw: Object) -> Flow:
    if unknown := raw.keys() - WORDS:
        raise ValueError(f"unknown field {', '.join(unknown)}")
    to, _, port = raw["to"].rpartition(":")
    protocol = raw.get("protocol", "tcp")
    if raw["from"] not in PLACES or to not in PLACES or protocol not in PROTOCOLS:
        raise ValueError("from, to or protocol is none that this network has")
    told = {key: raw[key] for key in ("get", "sees", "sticky") if key in raw}
    ends = {mode: _end({**told, **EVERYWHERE.get(mode, {}), **_own(raw.get(mode, {}))}) for mode in MODES}
    return Flow(raw["from"], to, int(port), protocol, _end(told), ends, raw.get("paper", ""))


def _own(difference: Any) -> Object:
    """What a mode's name says: a whole difference, or only another end."""
    if isinstance(difference, dict):
        return difference
    return {"get": difference}


def _end(told: Object) -> End:
    shares = _shares(told["get"])
    served = not any(name in VERDICTS for name in shares)
    if served and told.get("sees") not in SEES:
        raise ValueError(f"sees: must be {', '.join(SEES)} where a backend answers")
    return End(shares, told["sees"] if served else "", bool(told.get("sticky")), told.get("skip", ""))


def _shares(get: Any) -> dict[str, Fraction]:
    if isinstance(get, str):
        get = [get]
    if isinstance(get, list):
        get = dict.fromkeys(get, Fraction(1, len(get)))
    shares = {name: Fraction(share) for name, share in get.items()}
    for name in shares:
        if name not in VERDICTS and name.split(":")[0] not in PLACES:
            raise ValueError(f"get: {name!r} is neither a place nor one of {', '.join(VERDICTS)}")
    if sum(shares.values()) != 1:
        raise ValueError("get: the shares do not sum to 1")
    return shares
