"""Settings of connection tracking: those asked for are set, right ones stay, refused ones are told."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from labs.proxy.configuration import Conntrack, Seconds
from labs.proxy.tracking import set_up, settings

ESTABLISHED = "nf_conntrack_tcp_timeout_established"
CLOSE_WAIT = "nf_conntrack_tcp_timeout_close_wait"


def test_the_defaults_are_the_real_one_s() -> None:
    assert settings(Conntrack()) == {ESTABLISHED: 86400, CLOSE_WAIT: 3600}


def test_each_field_has_its_setting() -> None:
    asked = Conntrack(tcp_be_liberal=True, udp_timeout=Seconds(20), udp_stream_timeout=Seconds(90))
    more = {
        "nf_conntrack_tcp_be_liberal": 1,
        "nf_conntrack_udp_timeout": 20,
        "nf_conntrack_udp_timeout_stream": 90,
    }
    assert settings(asked) == {ESTABLISHED: 86400, CLOSE_WAIT: 3600, **more}


def test_what_is_not_asked_for_is_left_alone() -> None:
    nothing = Conntrack(tcp_established_timeout=Seconds(0), tcp_close_wait_timeout=Seconds(0))
    assert settings(nothing) == {}


def test_they_are_set_and_one_that_is_missing_is_told(
    sysctls: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (sysctls / ESTABLISHED).write_text("432000\n")
    with caplog.at_level(logging.INFO):
        set_up(Conntrack())
    assert (sysctls / ESTABLISHED).read_text() == "86400"
    assert "set nf_conntrack_tcp_timeout_established to 86400, it was 432000" in caplog.text
    assert f"{CLOSE_WAIT} stays as it is, it cannot be set to 3600: No such file" in caplog.text


def test_what_is_right_already_is_not_written(sysctls: Path, caplog: pytest.LogCaptureFixture) -> None:
    (sysctls / ESTABLISHED).write_text("86400\n")
    (sysctls / CLOSE_WAIT).write_text("3600\n")
    with caplog.at_level(logging.INFO):
        set_up(Conntrack())
    assert caplog.text == ""
