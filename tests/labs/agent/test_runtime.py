from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labs.agent.network import Sandbox
from labs.agent.runtime import Frame, child_name, log_path, spawn
from vm.spawn import Mount, Spawn

POD: dict[str, Any] = {"metadata": {"name": "web-1", "namespace": "shop", "uid": "u"}, "spec": {}}
FRAME = Frame(
    Sandbox(("10.244.1.5",), "/run/netns/cni-u"), (Mount("/a", "/b"),), {"PORT": "80"}, Path("/log")
)


def started(**container: Any) -> Spawn:
    return spawn(POD, {"name": "web", "image": "echo:1", **container}, "u/web/0", "m:echo", FRAME)


@pytest.mark.parametrize(
    ("container", "entry", "argv", "title"),
    [
        ({}, "m:echo", [], "echo"),
        ({"args": ["--http", "$(PORT)"]}, "m:echo", ["--http", "80"], "echo"),
        ({"command": ["echo", "-a"], "args": ["-b"]}, "m:echo", ["-a", "-b"], "echo"),
        ({"command": ["/bin/sh", "-c"], "args": ["id"]}, "", ["/bin/sh", "-c", "id"], "sh"),
    ],
)
def test_command_and_args_mean_what_they_mean_in_kubernetes(
    container: dict[str, Any], entry: str, argv: list[str], title: str
) -> None:
    found = started(**container)
    assert (found.entry, found.title) == (entry, title)
    assert (found.arguments.get("argv") if entry else list(found.argv)) == argv


def test_a_pod_has_a_run_of_its_own_below_its_volumes() -> None:
    assert started().mounts == (Mount("", "/run", kind="tmpfs"), Mount("/a", "/b"))


def test_a_container_enters_its_sandbox() -> None:
    found = started(workingDir="/srv")
    assert (found.netns, found.hostname, found.directory) == ("/run/netns/cni-u", "web-1", "/srv")


def test_names_tell_the_attempt() -> None:
    assert child_name("u", "web", 3) == "u/web/3"
    assert log_path(Path("/var/log/pods"), POD, "web", 3) == Path("/var/log/pods/shop_web-1_u/web/3.log")
