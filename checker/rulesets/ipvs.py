"""Virtual servers of IPVS, as rules of a table of their own, so that a packet walks into them.

IPVS takes a packet on INPUT, after the filter rules, since a ClusterIP is bound to kube-ipvs0 and so is the
node's own; one made on the node it takes on OUTPUT, right behind nat. What it sends to a real server meets
OUTPUT and POSTROUTING, where masquerade finds it (net/netfilter/ipvs/ip_vs_core.c, ip_vs_ops4; ip_vs_xmit.c).
The connection is tracked, as kube-proxy sets it (net.ipv4.vs.conntrack=1).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import ClassVar

from checker.rulesets.headers import AddressIn, Ports, Protocol
from checker.rulesets.hooks import DSTNAT, SRCNAT, Hook
from checker.rulesets.lookups import Choice, Option, Options
from checker.rulesets.match import Match
from checker.rulesets.memory import Mark
from checker.rulesets.model import Chain, Rule, Table
from checker.rulesets.packet import InFlight, endpoint
from checker.rulesets.prefix import Address, Prefix, prefix
from checker.rulesets.target import Reject, Target, UnknownTarget

SCHEDULED = "SCHEDULED"
TABLE = "ipvs"


@dataclass(frozen=True, slots=True)
class RealServer:
    """Where a virtual server sends connections; `active` and `inactive` are its own, None if not known."""

    address: Address
    port: int
    weight: int = 1
    method: str = "Masq"
    active: int | None = None
    inactive: int | None = None

    @property
    def text(self) -> str:
        """`10.244.1.5:8080`."""
        return endpoint(self.address, str(self.port))


@dataclass(frozen=True, slots=True)
class VirtualServer:
    """An address, protocol and port (or a mark) that IPVS serves. `persistent` is in seconds, 0 for none."""

    protocol: str = "tcp"
    address: Address | None = None
    port: int = 0
    mark: int = 0
    scheduler: str = "wlc"
    persistent: int = 0
    mask: Prefix | None = None
    real: tuple[RealServer, ...] = ()

    @property
    def text(self) -> str:
        """`10.96.0.10:80`, `mark 5`."""
        return endpoint(self.address, str(self.port)) if self.address else f"mark {self.mark}"

    def takes(self) -> tuple[Match, ...]:
        """What a packet must be to be for this server; a port of 0 is any."""
        if self.address is None:
            return (Mark(self.mark, 0xFFFFFFFF),)
        ports = (Ports("destination", ((self.port, self.port),)),) if self.port else ()
        return (AddressIn("destination", prefix(self.address.text)), Protocol(self.protocol), *ports)

    def rule(self) -> Rule:
        """The server as a rule: it schedules, or refuses where no real server has any weight."""
        usable = any(server.weight for server in self.real)
        target: Target = Schedule(self.text, f"IPVS: {self.scheduler}", self) if usable else NOBODY
        return Rule(self.takes(), target, text=f"{self.text} {self.scheduler}")


NOBODY = Reject("port-unreachable")


@dataclass(frozen=True, slots=True)
class Scheduled(Target):
    """To a real server, its address in the place of the virtual one. No rule of nat is asked for that."""

    ends: ClassVar[str] = SCHEDULED
    server: VirtualServer
    to: RealServer

    @property
    def text(self) -> str:
        """As ipvsadm writes it."""
        return f"-r {self.to.text} -m"

    @property
    def words(self) -> str:
        """In words."""
        return f"to real server {self.to.text}"

    def act(self, packet: InFlight) -> tuple[InFlight, ...]:
        """The mark stays, and what the `ipvs` match asks for is noted."""
        virtual = (packet.protocol, packet.destination, packet.destination_ports[0])
        port = self.to.port or packet.destination_ports[0]
        return (
            replace(
                packet,
                destination=self.to.address,
                destination_ports=(port, port),
                redirected=True,
                virtual=virtual,
            ),
        )


@dataclass(frozen=True, slots=True)
class Schedule(Choice):
    """A virtual server's choice among its real servers."""

    server: VirtualServer = field(default_factory=VirtualServer)

    def options(self, packet: InFlight) -> Options | None:
        """A client that is kept at a real server goes there again, else the scheduler chooses."""
        server = self.server
        kept = [each for each in server.real if each.weight and _kept(server, each, packet)]
        if kept:
            return self._all([(kept[0], Fraction(1))], "")
        shares, assumed = scheduled(server)
        return self._all(shares, assumed)

    def _all(self, shares: Sequence[tuple[RealServer, Fraction]], assumed: str) -> Options:
        return tuple(
            Option(share, self._to(to).words, self._to(to), assumed if len(shares) > 1 else "")
            for to, share in shares
        )

    def _to(self, to: RealServer) -> Target:
        if to.method in {"Masq", "Local"}:
            return Scheduled(self.server, to)
        return UnknownTarget(f"IPVS by {to.method}", to.text)


def _kept(server: VirtualServer, real: RealServer, packet: InFlight) -> bool:
    """Whether this client's earlier connections went there, which the asker must say."""
    if not server.persistent:
        return False
    mask = server.mask.mask if server.mask else -1
    listed = packet.recent.get(f"{server.text} {real.text}", frozenset())
    return any(not (each.value ^ packet.source.value) & mask for each in listed)


# --- schedulers ---------------------------------------------------------------------------------------------

Shares = list[tuple[RealServer, Fraction]]
Load = Callable[[RealServer], Fraction]


def scheduled(server: VirtualServer) -> tuple[Shares, str]:
    """Each real server's share of new connections, and why that is not certain ("" where it is)."""
    usable = [each for each in server.real if each.weight > 0]
    if server.scheduler == "rr":
        return _even(usable), ""
    if server.scheduler == "wrr":
        total = sum(each.weight for each in usable)
        return [(each, Fraction(each.weight, total)) for each in usable], ""
    load = LOADS.get(server.scheduler)
    if load is None:
        return _even(usable), f"{server.scheduler} chooses by a hash or by earlier connections"
    if any(each.active is None or each.inactive is None for each in usable):
        return _even(usable), f"{server.scheduler} chooses by counts of connections, which are not given"
    least = min(load(each) for each in usable)
    chosen = [each for each in usable if load(each) == least]
    return _even(chosen), f"{server.scheduler} finds them equally loaded" if len(chosen) > 1 else ""


def _even(servers: list[RealServer]) -> Shares:
    return [(each, Fraction(1, len(servers))) for each in servers]


def _overhead(real: RealServer) -> int:
    """ip_vs_dest_conn_overhead: an active connection weighs as much as 256 inactive ones."""
    return (real.active or 0) * 256 + (real.inactive or 0)


def _never_queue(real: RealServer) -> Fraction:
    """An idle server first, whatever its weight; else as sed."""
    return Fraction(real.active + 1, real.weight) if real.active else Fraction(-1)


# Who has the least load gets the connection: net/netfilter/ipvs/ip_vs_{lc,wlc,sed,nq}.c.
LOADS: Mapping[str, Load] = {
    "lc": lambda real: Fraction(_overhead(real)),
    "wlc": lambda real: Fraction(_overhead(real), real.weight),
    "sed": lambda real: Fraction((real.active or 0) + 1, real.weight),
    "nq": _never_queue,
}


def table(servers: Sequence[VirtualServer]) -> Table:
    """All virtual servers as two base chains of the same rules: marks first, any port last, as the kernel."""
    ordered = sorted(servers, key=lambda each: (each.address is not None, not each.port))
    rules = tuple(server.rule() for server in ordered)
    hooks = (Hook("INPUT", SRCNAT - 1, "ipvs"), Hook("OUTPUT", DSTNAT + 2, "ipvs"))
    return Table(TABLE, {hook.name: Chain(hook.name, "ACCEPT", rules, hook) for hook in hooks})
