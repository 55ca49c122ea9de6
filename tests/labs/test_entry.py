"""Ways into a cluster: what `lab env` says, and which pod a name means."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from labs import entry
from labs.errors import LabError, NotUp, UnknownName, UsageError
from vm.command import Completed
from vm.fake import FakeMachine

PODS = [("a", "web-1"), ("b", "web-1"), ("a", "db-0")]


class Running:
    """A cluster of two machines."""

    machines: ClassVar = {name: FakeMachine(name, {"id": "root\n"}) for name in ("worker-1", "client")}

    def machine(self, name: str) -> FakeMachine:
        return self.machines[name]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What `lab shell` asks kubectl for; the API knows PODS."""
    words: list[list[str]] = []
    items = [{"metadata": {"namespace": place, "name": name}} for place, name in PODS]
    listed = Completed((), 0, json.dumps({"items": items}), "")
    monkeypatch.setattr(entry, "here", Running)
    monkeypatch.setattr(entry, "_kubectl", lambda: (["kubectl"], {}))
    monkeypatch.setattr(entry.command, "run", lambda _argv, env: listed)
    monkeypatch.setattr(entry, "kubectl", lambda argv: words.append(argv) or 5)
    return words


@pytest.mark.parametrize(
    ("target", "place", "name"), [("db-0", "a", "db-0"), ("a/web-1", "a", "web-1"), ("b/web-1", "b", "web-1")]
)
def test_a_pod_is_found_by_name_or_by_namespace_and_name(
    asked: list[list[str]], target: str, place: str, name: str
) -> None:
    assert entry.shell(target, ["id"]) == 5
    assert asked == [["exec", "--stdin", "--namespace", place, name, "--", "id"]]


def test_a_machine_comes_before_pods(asked: list[list[str]]) -> None:
    assert entry.shell("worker-1", ["id"]) == 0
    assert asked == []


def test_a_name_that_is_neither_is_answered_with_the_nearest(asked: list[list[str]]) -> None:
    with pytest.raises(
        UnknownName, match="no machine or pod `worker-9`; there are: worker-1, client"
    ) as caught:
        entry.shell("worker-9", [])
    assert caught.value.cure == "did you mean `worker-1`?"


def test_a_pod_in_the_wrong_namespace_is_answered_with_its_own(asked: list[list[str]]) -> None:
    with pytest.raises(UnknownName) as caught:
        entry.shell("b/db-0", [])
    assert caught.value.cure == "did you mean `a/db-0`?"


def test_a_name_in_two_namespaces_is_answered_with_both(asked: list[list[str]]) -> None:
    with pytest.raises(UsageError, match="a pod `web-1` is in 2 namespaces: a, b") as caught:
        entry.shell("web-1", [])
    assert caught.value.cure == "name one of them: `lab shell a/web-1`"


def test_without_a_cluster_both_ways_say_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    for way in (lambda: entry.shell("worker-1", []), lambda: entry.kubectl(["get", "pods"])):
        with pytest.raises(NotUp, match=f"no cluster is running in {tmp_path}") as caught:
            way()
        assert isinstance(caught.value, LabError)
        assert caught.value.cure == "start it with `lab up`"


def test_the_environment_is_quoted_for_the_shell_that_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_HOME", "/a folder")
    assert "\nexport KUBECONFIG='/a folder/kubeconfig'" in entry.environment("sh")
    assert "\nset -gx KUBECONFIG '/a folder/kubeconfig'" in entry.environment("fish")


def test_a_command_on_a_machine_does_without_what_takes_long_to_import() -> None:
    """`lab shell` is typed a hundred times in a lab; asyncio alone is a third of its time."""
    heavy = "{'asyncio', 'yaml', 'kubernetes'} & {*sys.modules}"
    script = f"import sys, labs.cli, labs.entry, vm.virtual; print({heavy})"
    said = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"


def test_a_folder_without_machines_is_known_without_vagrants_library(tmp_path: Path) -> None:
    """`lab up` and `lab status` begin with it; the library takes 100 ms."""
    script = (
        "import sys, pathlib; from labs import backend, config; "
        f"backend.of(config.Home(pathlib.Path({str(tmp_path)!r}))); print('vagrant' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"
