"""Ports to listen on: each once, none beyond the range, and a word when they are all gone."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.proxy.userspace.ports import KernelAllocator, NoPortsLeft, RangeAllocator, allocator


def test_an_empty_range_is_no_range() -> None:
    """TestRangeAllocatorEmpty."""
    with pytest.raises(ValueError, match="the range of ports is empty"):
        RangeAllocator(range(0))


def test_a_full_range_has_nothing_left_until_a_port_comes_back() -> None:
    """TestRangeAllocatorFullyAllocated."""
    ports = RangeAllocator(range(1, 2))
    assert ports.allocate() == 1
    with pytest.raises(
        NoPortsLeft, match="there are no remaining ports left to allocate in the accepted range 1-1"
    ):
        ports.allocate()
    ports.release(1)
    assert ports.allocate() == 1


def test_ports_come_in_no_particular_order() -> None:
    """TestRangeAllocator_RandomishAllocation: two ranges do not agree."""
    first, second = (RangeAllocator(range(1, 101), random.Random(seed)) for seed in (1, 2))
    assert [first.allocate() for _ in range(100)] != [second.allocate() for _ in range(100)]


def test_without_a_range_the_kernel_chooses() -> None:
    ports = allocator(range(0))
    assert isinstance(ports, KernelAllocator)
    assert ports.allocate() == 0
    ports.release(32000)
    assert ports.allocate() == 0


def test_with_a_range_ports_are_of_it() -> None:
    assert allocator(range(32000, 32001)).allocate() == 32000


@given(st.integers(1, 60_000), st.integers(1, 30), st.randoms(use_true_random=False))
def test_every_port_is_given_exactly_once(first: int, size: int, chance: random.Random) -> None:
    ports = RangeAllocator(range(first, first + size), chance)
    assert sorted(ports.allocate() for _ in range(size)) == list(range(first, first + size))
    with pytest.raises(NoPortsLeft):
        ports.allocate()


@given(st.lists(st.one_of(st.none(), st.integers(10, 19))))
def test_given_and_taken_back_agree_with_a_set(steps: list[int | None]) -> None:
    ports, used = RangeAllocator(range(10, 20)), set[int]()
    for step in steps:
        if step is not None:
            ports.release(step)
            used.discard(step)
        elif len(used) < 10:
            port = ports.allocate()
            assert port not in used
            used.add(port)
