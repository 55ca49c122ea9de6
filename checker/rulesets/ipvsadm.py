"""Read what ipvsadm prints: `ipvsadm -Sn`, which it can restore, and `ipvsadm -Ln`, which counts connections.

    -A -t 10.96.0.10:80 -s rr -p 10800                  TCP  10.96.0.10:80 rr persistent 10800
    -a -t 10.96.0.10:80 -r 10.244.1.5:8080 -m -w 1        -> 10.244.1.5:8080   Masq    1      0          0

Both must be asked for with `-n`: names of hosts and ports are no addresses.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

from checker.rulesets.ipvs import RealServer, VirtualServer
from checker.rulesets.model import RulesetError
from checker.rulesets.prefix import Address, Prefix, address, prefix

PROTOCOLS = {
    "-t": "tcp",
    "--tcp-service": "tcp",
    "-u": "udp",
    "--udp-service": "udp",
    "--sctp-service": "sctp",
}
MARKS = ("-f", "--fwmark-service")
METHODS = {"-m": "Masq", "--masquerading": "Masq", "-g": "Route", "--gatewaying": "Route", "-i": "Tunnel"}
LISTED = {"TCP": "tcp", "UDP": "udp", "SCTP": "sctp", "FWM": ""}
COLUMNS = 6  # -> RemoteAddress:Port Forward Weight ActiveConn InActConn


class IpvsadmError(RulesetError):
    """A line is none that `ipvsadm -Sn` or `ipvsadm -Ln` prints."""


@dataclass
class _Servers:
    """The virtual servers as they grow, by what a packet is asked for."""

    found: dict[tuple[str, str], VirtualServer] = field(default_factory=dict)

    def add(self, key: tuple[str, str], server: VirtualServer) -> None:
        self.found[key] = server

    def add_real(self, key: tuple[str, str], real: RealServer) -> None:
        if key not in self.found:
            raise ValueError(f"there is no virtual server {key[1]} before it")
        server = self.found[key]
        self.found[key] = replace(server, real=(*server.real, real))


def parse(text: str) -> tuple[VirtualServer, ...]:
    """Every virtual server with its real ones. Raises IpvsadmError with the line's number and text."""
    servers = _Servers()
    last = ("", "")
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        try:
            last = _read(servers, words, last) if words else last
        except (ValueError, IndexError) as error:
            raise IpvsadmError(f"line {number}: {error}; the line is: {line.strip()}") from error
    return tuple(servers.found.values())


def _read(servers: _Servers, words: list[str], last: tuple[str, str]) -> tuple[str, str]:
    first = words[0]
    if first in {"-A", "--add-service"}:
        key, options = _saved(words[1:])
        servers.add(key, _virtual(key, options))
    elif first in {"-a", "--add-server"}:
        key, options = _saved(words[1:])
        servers.add_real(key, _real(options))
    elif first in LISTED:
        last = (LISTED[first], words[1])
        servers.add(last, _listed(last, words[2:]))
    elif first == "->" and words[1] != "RemoteAddress:Port":
        servers.add_real(last, _listed_real(words))
    elif first not in {"IP", "Prot", "->"}:
        raise ValueError(f"{first} begins no line of `ipvsadm -Sn` or `ipvsadm -Ln`")
    return last


def _saved(words: list[str]) -> tuple[tuple[str, str], dict[str, str]]:
    """The virtual server that a line of `-Sn` names, and its other options."""
    options: dict[str, str] = dict(_options(words))
    for option, value in options.items():
        if option in PROTOCOLS:
            return (PROTOCOLS[option], value), options
        if option in MARKS:
            return ("", value), options
    raise ValueError(f"it names no virtual server: one of {' '.join((*PROTOCOLS, *MARKS))} must be given")


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    for at, word in enumerate(words):
        if word.startswith("-"):
            value = words[at + 1] if at + 1 < len(words) else ""
            yield word, "" if value.startswith("-") else value


def _virtual(key: tuple[str, str], options: dict[str, str]) -> VirtualServer:
    persistent = options.get("-p", options.get("--persistent"))
    mask = options.get("-M", options.get("--netmask"))
    return replace(
        _named(key),
        scheduler=options.get("-s", options.get("--scheduler", "wlc")),
        persistent=0 if persistent is None else int(persistent or 300),
        mask=_mask(mask) if mask else None,
    )


def _mask(text: str) -> Prefix:
    return prefix(f"0.0.0.0/{text}" if "." in text else f"::/{text}")


def _named(key: tuple[str, str]) -> VirtualServer:
    protocol, where = key
    if not protocol:
        return VirtualServer("", mark=int(where))
    host, port = _split(where)
    return VirtualServer(protocol, host, port)


def _split(text: str) -> tuple[Address, int]:
    host, _, port = text.rpartition(":")
    return address(host), int(port)


def _real(options: dict[str, str]) -> RealServer:
    host, port = _split(options.get("-r") or options["--real-server"])
    method = next((METHODS[option] for option in options if option in METHODS), "Route")
    weight = options.get("-w", options.get("--weight", "1"))
    return RealServer(host, port, int(weight), method)


def _listed(key: tuple[str, str], words: list[str]) -> VirtualServer:
    """`TCP 10.96.0.10:80 rr persistent 10800 mask 255.255.255.0`."""
    facts = dict(pairwise(words[1:]))
    return replace(
        _named(key),
        scheduler=words[0],
        persistent=int(facts.get("persistent", 0)),
        mask=_mask(facts["mask"]) if "mask" in facts else None,
    )


def _listed_real(words: list[str]) -> RealServer:
    if len(words) != COLUMNS:
        raise ValueError(f"a real server has {COLUMNS} columns, here are {len(words)}")
    host, port = _split(words[1])
    weight, active, inactive = map(int, words[3:])
    return RealServer(host, port, weight, words[2], active, inactive)
