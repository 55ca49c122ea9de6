import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.control.rollouts import Limits, Size, amount, grown, limits, proportional, shrunk


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        (10, "25%", "25%", (3, 2)),
        (1, "25%", "25%", (1, 0)),
        (2, "25%", "25%", (1, 0)),
        (4, 0, 0, (0, 1)),
        (3, "0%", "10%", (0, 1)),
        (3, 2, 5, (2, 3)),
        (0, "25%", "25%", (0, 0)),
    ],
)
def test_surge_is_rounded_up_and_unavailable_down(replicas, surge, unavailable, expected):
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    found = limits({"replicas": replicas, "strategy": {"rollingUpdate": rolling}})
    assert (found.surge, found.unavailable) == expected


def test_a_number_is_no_percentage():
    assert amount("3", 50, round_up=True) == 3


def test_recreate_may_lose_all_pods_and_surges_by_none():
    assert limits({"replicas": 3, "strategy": {"type": "Recreate"}}) == Limits(3, 0, 3)


def test_the_new_side_grows_into_the_surge_only():
    assert grown(Limits(4, 1, 1), Size("new", 0, 0), [Size("old", 4, 4)]) == 1


def test_the_old_side_shrinks_to_the_minimum():
    assert shrunk(Limits(4, 1, 1), Size("new", 1, 0), [Size("old", 4, 4)]) == {"old": 3}


def test_pods_that_are_not_available_go_first():
    old = [Size("sound", 2, 2), Size("broken", 2, 0)]
    assert shrunk(Limits(3, 1, 1), Size("new", 1, 1), old) == {"broken": 0, "sound": 1}


def test_a_report_that_lags_behind_does_not_cost_a_second_pod():
    assert shrunk(Limits(4, 1, 1), Size("new", 1, 0), [Size("old", 3, 4)]) == {}


SIZES = st.lists(st.integers(1, 50), min_size=2, max_size=4).map(
    lambda counts: [Size(f"rs{index}", count, count) for index, count in enumerate(counts)]
)


@given(sizes=SIZES, replicas=st.integers(1, 80), surge=st.integers(0, 20))
def test_shares_add_up_to_what_is_allowed_and_keep_their_order(sizes, replicas, surge):
    allowed = Limits(replicas, surge, 0)
    found = proportional(allowed, sizes)
    assert sum(found.values()) == allowed.most
    for small in sizes:
        for large in sizes:
            assert small.asked >= large.asked or found[small.name] <= found[large.name]
