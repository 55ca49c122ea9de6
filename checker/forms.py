"""The forms in which an answer may be written: forgiving in form, strict in meaning.

A learner copies from a terminal, writes by hand, pastes a list. All of these are one answer:
``KUBE-SVC-TII5GQPKXWC65SRC``, ``svc-tii5gqpkxwc65src``, ``"KUBE-SVC-TII5…"``; ``0.25``, ``25 %``, ``1/4``;
``10.244.1.7``, ``10.244.1.7/32``. What a form *means* is decided here once; whether it is right is a
check's business.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

SEPARATORS = re.compile(r"[\s,;|=]+|->|→|=>|(?<=[^\d:]):(?=\s)|:\s+|>")
ELLIPSIS = ("…", "...", "..", "*")
ALWAYS = {"none", "no", "-", "–", "always", "nothing", "rest", "1", "1.0", "100%"}
ZERO = {"none", "no", "zero", "nothing", "nobody"}
BASE_CHAINS = {
    "PREROUTING",
    "INPUT",
    "FORWARD",
    "OUTPUT",
    "POSTROUTING",
}  # POSTROUTING is not KUBE-POSTROUTING
SHORTEST_HASH = 4
COARSEST = Fraction(
    1, 200
)  # an answer further off than this is no rounding of the value, whatever its digits
MOST_PODS = 1000  # behind a Service; 1/1000 is the smallest chance that a fraction is looked for


def words(value: Any) -> list[str]:
    """The words of an answer in the order given, whether it is text, a number, a list or a mapping."""
    if isinstance(value, dict):
        return [word for key, each in value.items() for word in (*words(key), *words(each))]
    if isinstance(value, (list, tuple)):
        return [word for each in value for word in words(each)]
    text = re.sub(r"\s*([/%])\s*", r"\1", "" if value is None else str(value)).replace("%", "% ")
    return [word for word in (part.strip("'\"`()[]{}") for part in SEPARATORS.split(text)) if word]


def names_chain(given: str, chain: str, all_chains: Iterable[str] = ()) -> bool:
    """Does `given` name `chain`: whole, without ``KUBE-``, or cut short if that names no other chain?

    A hash alone names nothing: KUBE-SVC- and KUBE-EXT- of one Service share it.
    """
    name = given.upper()
    cut = next((name.removesuffix(dots) for dots in ELLIPSIS if name.endswith(dots)), name)
    whole = cut if cut.startswith("KUBE-") or cut in BASE_CHAINS else f"KUBE-{cut}"
    if whole == chain:
        return True
    kind, _, digest = chain.rpartition("-")
    enough = (
        whole.startswith(f"{kind}-") and len(whole) - len(kind) - 1 >= SHORTEST_HASH and len(digest) == 16
    )
    return enough and [each for each in {chain, *all_chains} if each.startswith(whole)] == [chain]


def address(text: str) -> str:
    """An IP address in its normal form, ``/32`` and ``/128`` taken off; empty if it is none."""
    bare = re.sub(r"/(32|128)$", "", text.strip().strip("[]"))
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return ""


def no_address(text: str) -> str:
    """Why a text is no bare address although it has one in it, to be said after it; else empty."""
    if endpoint(text):
        return ", with a port"
    host, _, length = text.partition("/")
    if address(host) and length.isdigit() and not address(text):
        return ", with the length of its network"
    return ""


def endpoint(text: str) -> str:
    """``ip:port`` (``[ip]:port`` for IPv6) in its normal form; empty if it is none."""
    host, _, port = text.strip().rpartition(":")
    found = address(host)
    if not found or not port.isdigit():
        return ""
    return f"[{found}]:{int(port)}" if ":" in found else f"{found}:{int(port)}"


def whole(text: str) -> int | None:
    """A whole number, decimal, hexadecimal (``0x4000``) or a word for 0; None if it is none."""
    word = text.strip().lower()
    if word in ZERO:
        return 0
    try:
        return int(word, 0 if word.startswith("0x") else 10)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Share:
    """A probability as it was written: its value and, for a decimal, how many places were given."""

    value: Fraction
    places: int | None = None

    def means(self, actual: Fraction) -> bool:
        """Is this `actual`, rounded (or cut) to the places given? A fraction must be within 10⁻⁶.

        10⁻⁶ because the kernel keeps a probability as a whole number of 2⁻³¹ parts (1/3 is printed
        0.33333333349), and the next fraction that a learner could mean is far away. Of that fraction too a
        rounding is right: who predicts 0.1666666667 is not told that the kernel has 0.16666666651.
        """
        if self.places is None:
            return abs(self.value - actual) <= Fraction(1, 10**6)
        meant = (actual, actual.limit_denominator(MOST_PODS))
        rounded = {each for chance in meant for each in _rounded(chance, self.places)}
        return self.value in rounded and abs(self.value - actual) < COARSEST


def _rounded(chance: Fraction, places: int) -> set[Fraction]:
    """A chance to so many places, rounded and cut."""
    scale = 10**places
    cut = Fraction(math.floor(chance * scale), scale)
    return {cut, Fraction(math.floor(chance * scale + Fraction(1, 2)), scale)}


def share(text: str) -> Share | None:
    """A probability: decimal, percent, fraction, or a word for "the rule has no statistic match"."""
    bare = text.strip().lower()
    if bare in ALWAYS:
        return Share(Fraction(1))
    over = re.fullmatch(r"(\d{1,9})/(\d{1,9})", bare)
    if over and int(over[2]):
        return Share(Fraction(int(over[1]), int(over[2])))
    number = re.fullmatch(r"(\d{0,9})\.?(\d{0,18})(%?)", bare)
    if not number or not (number[1] or number[2]):
        return None
    digits = len(number[2]) + (2 if number[3] else 0)
    return Share(Fraction(int(number[1] + number[2]), 10**digits), digits)


def pairs(value: Any, is_value: Callable[[str], bool]) -> dict[str, str] | None:
    """Pairs of a name and a value, in either order (``pod=60``, ``60 pod``); None if they do not pair."""
    found: dict[str, str] = {}
    each = words(value)
    for first, second in zip(each[::2], each[1::2], strict=False):
        name, right = (second, first) if is_value(first) else (first, second)
        if is_value(name) or not is_value(right) or name in found:
            return None
        found[name] = right
    return found if len(each) % 2 == 0 else None
