from __future__ import annotations

import pytest

from labs.agent.workloads.behaviour import Behaviour, ControlInvalid


def test_behaviour_is_changed_one_thing_at_a_time() -> None:
    behaviour = Behaviour()
    behaviour.control("ready", {"value": "false"})
    behaviour.control("hang", {"value": "true"})
    assert behaviour == Behaviour(ready=False, live=True, hang=True)


@pytest.mark.parametrize(("query", "seconds"), [({}, 30), ({"seconds": "2.5"}, 2.5), ({"seconds": "0"}, 0)])
def test_refusing_is_for_some_seconds(query: dict[str, str], seconds: float) -> None:
    assert Behaviour().control("refuse", query) == seconds


@pytest.mark.parametrize(
    ("what", "query", "message"),
    [
        ("dance", {}, "/control/dance is not one of ready, live, hang"),
        ("ready", {}, "value='' is neither true nor false"),
        ("hang", {"value": "yes"}, "value='yes' is neither true nor false"),
        ("refuse", {"seconds": "x"}, "seconds='x' is not a number from 0 to 3600"),
        ("refuse", {"seconds": "nan"}, "is not a number"),
    ],
)
def test_what_means_nothing_is_refused(what: str, query: dict[str, str], message: str) -> None:
    with pytest.raises(ControlInvalid, match=message):
        Behaviour().control(what, query)
