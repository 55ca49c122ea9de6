"""Ages as apimachinery's own test has them."""

from __future__ import annotations

import pytest

from labs.kube.durations import human, since
from labs.kube.objects import now

MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1, "1s"),
        (70, "70s"),
        (190, "3m10s"),
        (70 * MINUTE, "70m"),
        (47 * HOUR, "47h"),
        (49 * HOUR, "2d1h"),
        (8 * DAY + 2 * HOUR, "8d"),
        (367 * DAY, "367d"),
        (4 * 365 * DAY + 20 * DAY, "4y20d"),
        (9 * 365 * DAY, "9y"),
        (3 * HOUR + 10 * MINUTE, "3h10m"),
        (4 * MINUTE, "4m"),
        (0, "0s"),
        (-1, "0s"),
        (-5, "<invalid>"),
    ],
)
def test_a_length_of_time_is_written_in_one_or_two_units(seconds: int, text: str) -> None:
    assert human(seconds) == text


def test_what_has_no_time_has_an_unknown_age() -> None:
    assert (since(None), since("yesterday")) == ("<unknown>", "<unknown>")
    assert since(now(-120)) == "2m"
