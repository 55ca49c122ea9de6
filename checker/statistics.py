"""Are these counts what these shares make? For requests that were counted at each pod.

Chance is judged by a level: how often a right cluster may fail; 1e-4 is one in ten thousand, and a wrong
cluster is still found with a few hundred requests (`sample_size`). Each share has its exact binomial test, at
its part of the level (Bonferroni), so the promise holds for every number of requests and every set of shares.
Pearson's χ² does not keep it: with shares of 1/2, 1/4, 1/4 and 40 requests it fails 1.2e-4 of right clusters,
with 4, 46 and 50 per cent of 300 requests 1.9e-4 (counted by enumeration).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from statistics import NormalDist

LEVEL = 1e-4

Shares = Mapping[str, Fraction | float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether counts fit shares; `p_value`: how often chance alone is as far off in `n` requests."""

    fits: bool
    p_value: float
    n: int
    text: str


def shares_fit(observed: Mapping[str, int], expected: Shares, level: float = LEVEL) -> Verdict:
    """Test counts against shares; a name that is missing in `observed` was counted 0 times.

    Raises ValueError where nothing was counted, or the shares do not sum to 1.
    """
    n = sum(observed.values())
    _check(n, expected)
    impossible = {name: count for name, count in observed.items() if count and not expected.get(name)}
    if impossible:
        names = ", ".join(f"{name} ({count} of {n})" for name, count in sorted(impossible.items()))
        return Verdict(False, 0.0, n, f"these should get nothing at all: {names}")
    p_value = _p_value(n, observed, {name: float(share) for name, share in expected.items() if share})
    fits = p_value >= level
    counts = ", ".join(
        f"{name} {observed.get(name, 0)} (about {n * float(share):.0f})" for name, share in expected.items()
    )
    judged = "as chance would have it" if fits else "too far off for chance"
    return Verdict(fits, p_value, n, f"{n} requests: {counts}: {judged} (p = {p_value:.2g}, level {level:g})")


def _check(n: int, expected: Shares) -> None:
    if n <= 0:
        raise ValueError("no request was counted, so nothing can be said of shares; send some first")
    total = sum(map(float, expected.values()))
    if abs(total - 1) > 1e-6:
        raise ValueError(f"the expected shares sum to {total:.6f}; shares of all requests sum to 1")


def _p_value(n: int, observed: Mapping[str, int], expected: Mapping[str, float]) -> float:
    if len(expected) == 1:
        return 1.0
    least = min(binomial_test(observed.get(name, 0), n, share) for name, share in expected.items())
    # Of two counts one says it all: the other is the rest.
    tests = 1 if len(expected) == 2 else len(expected)
    return min(1.0, tests * least)


def binomial_test(count: int, n: int, share: float) -> float:
    """Exact, two-sided: the probability of all counts that are no more probable than this one."""
    if not 0 < share < 1:
        return float(count == n * share)
    logs = [_binomial_log(k, n, share) for k in range(n + 1)]
    # Equal probabilities (share 1/2) differ in the last digits of their logarithms.
    limit = logs[count] + 1e-9
    return min(1.0, math.fsum(math.exp(each) for each in logs if each <= limit))


def _binomial_log(k: int, n: int, share: float) -> float:
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return ways + k * math.log(share) + (n - k) * math.log1p(-share)


def sample_size(share: float, other: float, level: float = LEVEL, power: float = 0.999) -> int:
    """How many requests tell a share from another: 1/2 from 1/3 takes about 420.

    With so many, a cluster whose true share is `other` is caught with probability `power` by a test for
    `share` at `level`. The normal approximation, rounded up; good to a few per cent. Raises ValueError for
    shares that are equal or not between 0 and 1.
    """
    if share == other or not (0 < share < 1 and 0 < other < 1):
        raise ValueError(
            f"{share:g} and {other:g} cannot be told apart: give two different shares between 0 and 1"
        )
    refuse, miss = NormalDist().inv_cdf(1 - level / 2), NormalDist().inv_cdf(power)
    spread = refuse * math.sqrt(share * (1 - share)) + miss * math.sqrt(other * (1 - other))
    return math.ceil((spread / (share - other)) ** 2)
