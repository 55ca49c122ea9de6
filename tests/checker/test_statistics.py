"""Counts against shares, against published values and by enumeration."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.statistics import LEVEL, binomial_test, sample_size, shares_fit

THIRDS = {"a": Fraction(1, 3), "b": Fraction(1, 3), "c": Fraction(1, 3)}


@pytest.mark.parametrize(
    ("count", "n", "share", "p_value"),
    [
        (7, 10, 0.5, 352 / 1024),  # by hand: 2 · (120 + 45 + 10 + 1) / 1024
        (0, 10, 0.5, 2 / 1024),
        (5, 10, 0.5, 1.0),
        (682, 682 + 243, 0.75, 0.3825),  # Conover 1971, Mendel's peas; the example of R's binom.test
        (3, 15, 1 / 10, 0.1841),  # tables of the binomial: 1 − P(X ≤ 2) = 0.1841, nothing as rare below
    ],
)
def test_the_exact_test_gives_the_published_values(count: int, n: int, share: float, p_value: float) -> None:
    assert binomial_test(count, n, share) == pytest.approx(p_value, abs=5e-5)


@given(st.integers(1, 60), st.floats(0.01, 0.99), st.data())
def test_the_exact_test_agrees_with_plain_enumeration(n: int, share: float, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, n))
    each = [math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n + 1)]
    plain = sum(one for one in each if one <= each[count] * (1 + 1e-7))
    assert binomial_test(count, n, share) == pytest.approx(plain, rel=1e-6)


@pytest.mark.parametrize(
    ("n", "shares"),
    [
        (30, [1 / 3] * 3),
        (60, [1 / 3] * 3),
        (100, [0.1, 0.4, 0.5]),
        (300, [0.5, 0.5]),
        (20, [0.04, 0.46, 0.5]),
    ],
)
def test_a_right_cluster_fails_less_often_than_the_level_says(n: int, shares: list[float]) -> None:
    names = "abc"[: len(shares)]
    expected = dict(zip(names, shares, strict=True))
    failing = math.fsum(
        probability
        for counts in compositions(n, len(shares))
        if (probability := multinomial(counts, shares)) > 1e-15
        and not shares_fit(dict(zip(names, counts, strict=True)), expected).fits
    )
    assert failing < LEVEL


def compositions(n: int, parts: int) -> list[tuple[int, ...]]:
    if parts == 1:
        return [(n,)]
    return [(first, *rest) for first in range(n + 1) for rest in compositions(n - first, parts - 1)]


def multinomial(counts: tuple[int, ...], shares: list[float]) -> float:
    logs = (
        count * math.log(share) - math.lgamma(count + 1) for count, share in zip(counts, shares, strict=True)
    )
    return math.exp(math.lgamma(sum(counts) + 1) + sum(logs))


@pytest.mark.parametrize(
    ("observed", "fits"),
    [
        ({"a": 100, "b": 110, "c": 90}, True),
        ({"a": 150, "b": 75, "c": 75}, False),
        ({"a": 150, "b": 150}, False),
        ({"a": 100, "b": 100, "c": 100, "d": 0}, True),
        ({"a": 100, "b": 100, "c": 99, "d": 1}, False),
    ],
)
def test_three_hundred_requests_tell_even_thirds_from_halves(observed: dict[str, int], fits: bool) -> None:
    assert shares_fit(observed, THIRDS).fits is fits


def test_a_single_target_gets_everything() -> None:
    assert shares_fit({"a": 5}, {"a": 1}).fits


def test_a_verdict_states_its_sample_and_its_level() -> None:
    verdict = shares_fit({"a": 30, "b": 10}, {"a": 0.5, "b": 0.5}, level=0.05)
    assert verdict.n == 40
    assert verdict.text == (
        "40 requests: a 30 (about 20), b 10 (about 20): too far off for chance (p = 0.0022, level 0.05)"
    )


def test_a_target_that_should_get_nothing_is_named() -> None:
    verdict = shares_fit({"a": 9, "x": 1}, {"a": 1, "x": 0})
    assert (verdict.fits, verdict.p_value) == (False, 0)
    assert verdict.text == "these should get nothing at all: x (1 of 10)"


def test_nothing_counted_and_shares_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="no request was counted"):
        shares_fit({}, THIRDS)
    with pytest.raises(ValueError, match=r"sum to 0\.900000"):
        shares_fit({"a": 1}, {"a": 0.9})


@pytest.mark.parametrize(("share", "other"), [(1 / 2, 1 / 3), (1 / 3, 1 / 2), (1 / 2, 1 / 4)])
def test_a_sample_of_the_size_given_catches_the_other_share(share: float, other: float) -> None:
    n = sample_size(share, other)
    caught = math.fsum(
        multinomial((k, n - k), [other, 1 - other])
        for k in range(n + 1)
        if binomial_test(k, n, share) < LEVEL
    )
    assert caught > 0.998


def test_equal_shares_cannot_be_told_apart() -> None:
    with pytest.raises(ValueError, match=r"0\.5 and 0\.5 cannot be told apart"):
        sample_size(0.5, 0.5)
