from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from vm import command, foreground

DEADLINE = 10.0


def test_a_stream_is_handed_on_before_the_command_ends(tmp_path: Path) -> None:
    told = tmp_path / "told"
    heard: list[str] = []

    def write(text: str) -> None:
        heard.append(text)
        told.touch()  # only when the first words have come does the command go on

    script = f"echo out; until [ -e {told} ]; do sleep 0.01; done; echo err >&2; exit 5"
    assert foreground.stream(["sh", "-c", script], write) == 5
    assert "".join(heard) == "out\nerr\n"


def test_an_interrupted_stream_lets_the_command_finish_its_sentence() -> None:
    heard: list[str] = []

    def write(text: str) -> None:
        heard.append(text)
        if "ready" in text:
            raise KeyboardInterrupt

    script = "trap 'echo summary; exit 7' INT; echo ready; while :; do sleep 0.01; done"
    assert foreground.stream(["sh", "-c", script], write) == 7
    assert "".join(heard) == "ready\nsummary\n"


# What `passthrough` does to its own process (signals, stdio) is tried in a process of its own.
PASS = "import sys; from vm import foreground; sys.exit(foreground.passthrough(sys.argv[1:]))"


def passed(*argv: str) -> list[str]:
    return [sys.executable, "-P", "-c", PASS, *argv]


def test_a_command_passed_through_has_our_stdio_and_exit_code() -> None:
    done = command.run(passed("sh", "-c", "cat; echo err >&2; exit 6"), input="in", check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("in", "err\n", 6)


def test_a_command_killed_by_a_signal_gives_the_code_a_shell_gives() -> None:
    assert command.run(passed("sh", "-c", "kill -9 $$"), check=False).returncode == 137


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_signals_are_passed_on_to_the_command(tmp_path: Path, signum: signal.Signals) -> None:
    ready = tmp_path / "parent"
    name = signum.name.removeprefix("SIG")
    told = f"echo $PPID > {ready}.new; mv {ready}.new {ready}"
    script = f"trap 'echo got {name}; exit 9' {name}; {told}; while :; do sleep 0.01; done"
    running = command.start(passed("sh", "-c", script))
    deadline = time.monotonic() + DEADLINE
    while not ready.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(int(ready.read_text()), signum)
    done = running.finish(check=False)
    assert (done.stdout, done.returncode) == (f"got {name}\n", 9)


def test_a_host_without_linuxs_own_calls_runs_commands_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS, where `lab` enters virtual machines: no files in memory, and no word of who sent a signal."""
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.delattr(signal, "sigwaitinfo")
    assert command.run(["cat"], input="two\nlines\n").stdout == "two\nlines\n"
    assert (
        command.passthrough(
            ["sh", "-c", "trap 'exit 7' USR1; kill -USR1 $PPID; while :; do sleep 0.01; done"]
        )
        == 7
    )


def test_a_replaced_process_is_the_command() -> None:
    script = "from vm import foreground; foreground.replace(['echo', 'it is me'], {'PATH': '/usr/bin:/bin'})"
    assert command.run([sys.executable, "-P", "-c", script]).stdout == "it is me\n"


def test_an_interruption_while_a_streamed_command_is_started_is_the_commands_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = subprocess.Popen

    def interrupted(*argv: Any, **options: Any) -> subprocess.Popen[bytes]:
        process = started(*argv, **options)
        os.kill(os.getpid(), signal.SIGINT)
        return process

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    # Until the trap is set, a signal ends the shell: then its code is 128 + 2 as well.
    code = command.stream(["sh", "-c", "trap 'exit 130' INT; while :; do sleep 0.05; done"], lambda _: None)
    assert code == 130
