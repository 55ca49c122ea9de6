"""A zygote as a system service: its file, and its life."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from vm.errors import MachineError
from vm.service import Service
from vm.spawn import Spawn
from vm.zygote_client import ZygoteClient

ROOT = Path(__file__).parents[2]
SLEEP = Spawn("sleep", "sleep", argv=("sleep", "100"), restart=True)


def until(true: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {true}"
        time.sleep(0.02)


def test_a_service_is_the_same_after_a_file(tmp_path: Path) -> None:
    service = Service("lab init worker-1", "/run/lab/init.sock", ("json",), (SLEEP,))
    (tmp_path / "agent.json").write_text(json.dumps(service.to_json()))
    assert Service.read(tmp_path / "agent.json") == service


@pytest.mark.parametrize("text", ["", "[]", '{"title": "x"}', '{"title": 1, "processes": [{"nmae": "x"}]}'])
def test_a_file_that_is_none_is_named_with_the_cure(tmp_path: Path, text: str) -> None:
    (tmp_path / "agent.json").write_text(text)
    with pytest.raises(MachineError, match=r"agent\.json does not describe a service") as caught:
        Service.read(tmp_path / "agent.json")
    assert caught.value.cure == "`lab up` writes it anew"


def children(socket: Path) -> dict[str, int]:
    async def ask() -> dict[str, int]:
        async with ZygoteClient(str(socket)) as client:
            return {name: child.pid for name, child in (await client.children()).items()}

    return asyncio.run(ask())


@pytest.mark.skipif(os.geteuid() != 0, reason="a service's folder is /run/lab: root's")
def test_what_ends_is_started_again_and_ends_with_the_service(tmp_path: Path) -> None:
    socket = tmp_path / "init.sock"
    service = Service("lab init test", str(socket), ("json",), (SLEEP,))
    (tmp_path / "agent.json").write_text(json.dumps(service.to_json()))
    argv = ["unshare", "--mount", sys.executable, "-P", "-m", "vm.service", str(tmp_path / "agent.json")]
    with subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        until(socket.exists)
        first = children(socket)["sleep"]
        os.kill(first, signal.SIGKILL)
        until(lambda: children(socket)["sleep"] != first)
        second = children(socket)["sleep"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert not Path(f"/proc/{second}").exists()
