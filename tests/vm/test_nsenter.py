"""What is said when a machine cannot be entered; entering is in tests/live/test_machines.py."""

from __future__ import annotations

import os

import pytest

from vm.errors import NotRunning
from vm.lock import Process
from vm.nsenter import Contained

ME = Process.of(os.getpid()) or Process(0, 0)


@pytest.mark.parametrize(
    "lab",
    [ME, Process(ME.pid, ME.started + 1), Process(2**22 + 1, 0)],
    ids=["a process without machines", "another process with that pid", "no process"],
)
def test_a_machine_of_a_lab_that_is_gone_is_not_running(lab: Process) -> None:
    with pytest.raises(NotRunning, match="the machine worker-1 is not running") as caught:
        Contained("worker-1", lab).run(["true"])
    assert "lab up" in caught.value.cure


def test_of_the_callers_environment_only_terminal_and_language_come_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (
        ("LANG", "de_DE.UTF-8"),
        ("TERM", "xterm"),
        ("KUBECONFIG", "/x"),
        ("PYTHONPATH", "/y"),
    ):
        monkeypatch.setenv(name, value)
    shown = Contained("worker-1", ME).environment()
    assert (shown["LANG"], shown["TERM"], shown["HOME"]) == ("de_DE.UTF-8", "xterm", "/root")
    assert not {"KUBECONFIG", "PYTHONPATH"} & set(shown)
