from __future__ import annotations

from labs.agent.backoff import BackOff


def test_the_first_restart_is_immediate_and_then_pauses_double() -> None:
    backoff = BackOff()
    assert [backoff.ended(1) for _ in range(8)] == [0, 10, 20, 40, 80, 160, 300, 300]


def test_ten_minutes_of_running_are_forgiven() -> None:
    backoff = BackOff()
    for _ in range(4):
        backoff.ended(1)
    assert [backoff.ended(600), backoff.ended(1)] == [0, 10]
