from __future__ import annotations

import pytest

from labs.agent.workloads.flags import FlagInvalid, Flags


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], Flags(http=[8080])),
        (["--http", "3001"], Flags(http=[3001])),
        (["--http=1", "--http=2", "--tcp", "3", "--udp", "4"], Flags([1, 2], [3], [4])),
        (["--udp=53", "--linger=5", "--not-ready"], Flags(udp=[53], linger=5, not_ready=True)),
    ],
)
def test_flags_in_both_spellings(argv: list[str], expected: Flags) -> None:
    assert Flags.parse(argv) == expected


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--port", "1"], "--port is not a flag; usage: echo"),
        (["--http"], "--http needs a value"),
        (["--tcp", "0"], "--tcp 0 is not a port from 1 to 65535"),
        (["--tcp", "x"], "--tcp x is not a port"),
        (["--linger", "-1"], "--linger -1 is not a whole number of seconds"),
    ],
)
def test_a_wrong_flag_is_named(argv: list[str], message: str) -> None:
    with pytest.raises(FlagInvalid, match=message):
        Flags.parse(argv)
