"""IP addresses and CIDRs as people write them, brought into the one form that the kernel prints.

Old objects may hold addresses such as ``172.30.0.041``: Kubernetes accepted them once and read the
octet as decimal, while C libraries read it as octal. The proxy must not guess: it writes 172.30.0.41.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network

from labs.proxy.state import Family


def _without_leading_zeros(text: str) -> str:
    if ":" in text:
        return text
    return ".".join(octet.lstrip("0") or "0" for octet in text.split("."))


def address(text: str, family: Family) -> str:
    """The address in canonical form, or empty if it is none or is of the other family."""
    try:
        parsed = ip_address(_without_leading_zeros(text.strip()))
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return str(parsed) if parsed.version == int(family.value[-1]) else ""


def cidr(text: str, family: Family) -> str:
    """The CIDR in canonical form, or empty if it is none or is of the other family."""
    network, _, length = text.strip().partition("/")
    try:
        parsed = ip_network(f"{_without_leading_zeros(network)}/{length}", strict=False)
    except ValueError:
        return ""
    return str(parsed) if parsed.version == int(family.value[-1]) else ""


def addresses(texts: Iterable[str], family: Family) -> tuple[str, ...]:
    """Those addresses that are of this family."""
    return tuple(found for text in texts if (found := address(text, family)))


def cidrs(texts: Iterable[str], family: Family) -> tuple[str, ...]:
    """Those CIDRs that are of this family."""
    return tuple(found for text in texts if (found := cidr(text, family)))


def contains(network: str, ip: str) -> bool:
    """Whether the canonical CIDR contains the canonical address; an empty address is in none."""
    return bool(ip) and ip_address(ip) in ip_network(network)
