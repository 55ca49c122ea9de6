"""Rules of single values that many kinds share: ports, addresses, names of ports, sets of words."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Any

from labs.kube.fields import FieldError, invalid, required, unsupported
from labs.kube.metadata import label_faults

PORT_RULE = "must be between 1 and 65535, inclusive"
NOT_NEGATIVE = "must be greater than or equal to 0"
ADDRESS_RULE = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
PROTOCOLS = ("SCTP", "TCP", "UDP")
PERCENT = re.compile(r"[0-9]+%")


def port(path: str, value: Any) -> Iterator[FieldError]:
    """A port number."""
    if not isinstance(value, int) or not 1 <= value <= 65535:
        yield invalid(path, value if value is not None else 0, PORT_RULE)


def port_or_name(path: str, value: Any) -> Iterator[FieldError]:
    """A port number, or the name of a container's port."""
    if isinstance(value, str):
        yield from (invalid(path, value, fault) for fault in port_name_faults(value))
    else:
        yield from port(path, value)


def port_name_faults(name: str) -> Iterator[str]:
    """What keeps a text from being an IANA service name."""
    if len(name) > 15:
        yield "must be no more than 15 characters"
    if not re.fullmatch(r"[-a-z0-9]*", name):
        yield "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    if not re.search(r"[a-z]", name):
        yield "must contain at least one letter (a-z)"
    if "--" in name:
        yield "must not contain consecutive hyphens"
    if name.startswith("-") or name.endswith("-"):
        yield "must not begin or end with a hyphen"


def one_of(path: str, value: Any, allowed: Iterable[str]) -> Iterator[FieldError]:
    """A word of a fixed set."""
    if value not in tuple(allowed):
        yield unsupported(path, value, allowed)


def optional_one_of(path: str, value: Any, allowed: Iterable[str]) -> Iterator[FieldError]:
    """A word of a fixed set, or nothing."""
    if value is not None:
        yield from one_of(path, value, allowed)


def not_negative(path: str, value: Any) -> Iterator[FieldError]:
    """A number that may be 0, or nothing."""
    if value is not None and value < 0:
        yield invalid(path, value, NOT_NEGATIVE)


def label(path: str, value: Any) -> Iterator[FieldError]:
    """A DNS label that must be there."""
    if not value:
        yield required(path)
    else:
        yield from (invalid(path, value, fault) for fault in label_faults(value))


def address(path: str, value: str) -> Iterator[FieldError]:
    """An IP address."""
    if not is_address(value):
        yield invalid(path, value, ADDRESS_RULE)


def is_address(value: str) -> bool:
    """Whether a text is an IP address, of either family."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def count_or_percent(path: str, value: Any) -> Iterator[FieldError]:
    """``3`` or ``25%``."""
    if isinstance(value, int):
        yield from not_negative(path, value)
    elif isinstance(value, str) and not PERCENT.fullmatch(value):
        rule = (
            "a valid percent string must be a numeric string followed by an ending '%' "
            "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
        )
        yield invalid(path, value, rule)
