"""Ansible's inventory and events, as the lab writes and tells them; the roles run in tests/live/vagrant."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ansible_runner
import pytest
import yaml

from vm import command, provision
from vm.provision import PLAYBOOK, ProvisionFailed, Story


def event(kind: str, **data: Any) -> dict[str, Any]:
    return {"event": kind, "event_data": data}


def told(*events: dict[str, Any]) -> tuple[list[str], Story]:
    said: list[str] = []
    story = Story(said.append)
    for each in events:
        assert story.hear(each) is False  # kept in no file: it may hold a token
    return said, story


def test_the_first_machine_is_the_control_plane_and_all_are_nodes() -> None:
    found = provision.inventory({"control-1": {"a": 1}, "worker-1": {"a": 2}}, Path("/x/ssh_config"))
    children = found["all"]["children"]
    assert children["nodes"]["hosts"] == {"control-1": {"a": 1}, "worker-1": {"a": 2}}
    assert list(children["control"]["hosts"]) == ["control-1"]
    assert found["all"]["vars"]["ansible_ssh_common_args"] == "-F /x/ssh_config"


def test_a_role_is_told_when_it_is_done_and_changes_are_counted() -> None:
    said, story = told(
        event("playbook_on_task_start", role="base", task="Name the modules"),
        event("runner_on_ok", host="control-1", task="Name the modules", res={"changed": True}),
        event("runner_on_ok", host="worker-1", task="Name the modules", res={"changed": False}),
        event("playbook_on_task_start", role="control_plane", task="Write the keys"),
        event("runner_on_ok", host="control-1", task="Write the keys", res={"changed": False}),
        event("playbook_on_stats"),
    )
    assert said == ["base: 1 task, 1 change", "control plane: 1 task, no changes"]
    assert story.changed == {"control-1": 1, "worker-1": 0}


def test_changes_of_what_must_not_be_told_are_counted_all_the_same() -> None:
    said, story = told(
        event("playbook_on_task_start", role="node", task="Write a token"),
        event("runner_on_ok", host="worker-1", task="Write a token", res={"censored": "no_log"}),
        event("runner_on_ok", host="worker-2", task="Write a token", res={"censored": "no_log"}),
        event("playbook_on_stats", changed={"worker-1": 1}, ok={"worker-1": 1, "worker-2": 1}),
    )
    assert said == ["node: 1 task, no changes", "secrets: 1 change"]
    assert story.changed == {"worker-1": 1, "worker-2": 0}


@pytest.mark.parametrize(
    ("kind", "result", "said"),
    [
        ("runner_on_failed", {"msg": "No space left"}, "worker-1 cannot: Unpack: No space left"),
        ("runner_on_failed", {"stderr": "bad"}, "worker-1 cannot: Unpack: bad"),
        ("runner_on_unreachable", {"msg": "timed out"}, "worker-1 is not reached: timed out"),
        ("runner_on_failed", {}, "worker-1 cannot: Unpack: it did not say why"),
    ],
)
def test_a_failure_is_one_sentence(kind: str, result: dict[str, str], said: str) -> None:
    _, story = told(event(kind, host="worker-1", task="Unpack", res=result))
    assert story.failure == said


def test_a_machine_that_is_not_reached_is_named_with_the_next_step(tmp_path: Path) -> None:
    folder = tmp_path / "a state folder"  # ssh's words are split once more on their way
    folder.mkdir()
    config = folder / "ssh_config"
    config.write_text(f"Host worker-1\n  ProxyCommand touch '{tmp_path}/read'; exit 1\n  ConnectTimeout 5\n")
    with pytest.raises(ProvisionFailed, match="worker-1 is not reached") as caught:
        provision.provision(
            folder / "ansible", config, {"worker-1": {"lab_missing_packages": ["x"]}}, lambda _: None
        )
    assert "`lab up` goes on from there" in caught.value.cure
    assert not list((folder / "ansible").glob("artifacts/*/job_events/*"))
    assert (tmp_path / "read").exists(), "ssh has read its configuration"


class Runner:
    """ansible-runner: what it was given, and an end for each run."""

    def __init__(self, *ends: str) -> None:
        self.ends = list(ends)
        self.unfinished: list[bool] = []

    def __call__(self, **options: Any) -> Any:
        self.unfinished.append(options["inventory"]["all"]["vars"]["lab_unfinished"])
        status = self.ends.pop(0)
        if status.startswith("SIG"):
            os.kill(os.getpid(), signal.Signals[status])
            assert options["cancel_callback"]()
        return SimpleNamespace(status=status, rc=2)


def provisioned(folder: Path) -> None:
    provision.provision(folder / "ansible", folder / "ssh_config", {"control-1": {}}, lambda _: None)


def test_a_run_knows_whether_the_one_before_it_ended_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Runner("successful", "failed", "SIGINT", "successful", "successful")
    monkeypatch.setattr(ansible_runner, "run", runner)
    provisioned(tmp_path)
    with pytest.raises(ProvisionFailed):
        provisioned(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        provisioned(tmp_path)
    provisioned(tmp_path)
    provisioned(tmp_path)
    assert runner.unfinished == [False, False, True, True, False]


@pytest.mark.parametrize("ending", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_whoever_ends_lab_up_ends_ansible_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(ansible_runner, "run", Runner(ending))
    handler = signal.getsignal(signal.Signals[ending])
    with pytest.raises(KeyboardInterrupt):
        provisioned(tmp_path)
    assert signal.getsignal(signal.Signals[ending]) == handler


@pytest.mark.parametrize("unfinished", [True, False])
def test_after_an_unfinished_run_each_role_runs_all_its_handlers(tmp_path: Path, unfinished: bool) -> None:
    """The first task of each role, with handlers that only say that they ran, and Ansible itself."""
    roles = sorted(path.parents[1] for path in PLAYBOOK.parent.glob("roles/*/handlers/main.yml"))
    handlers = [each["name"] for role in roles for each in read(role / "handlers/main.yml")]
    assert {"Apply the kernel settings", "Restart the API server", "Restart the agent"} < set(handlers)
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [read(role / "tasks/main.yml")[0] for role in roles],
        "handlers": [{"name": name, "ansible.builtin.debug": {"msg": "ran"}} for name in handlers],
    }
    (tmp_path / "site.yml").write_text(yaml.safe_dump([play], sort_keys=False))
    env = {**provision.environment(), "HOME": str(tmp_path)}
    playbook = shutil.which("ansible-playbook", path=env["PATH"])
    assert playbook
    given = json.dumps({"lab_unfinished": unfinished})
    words = [playbook, "-i", "localhost,", "-c", "local", "-e", given, str(tmp_path / "site.yml")]
    said = command.run(words, env=env, timeout=120).stdout
    assert [name for name in handlers if f"RUNNING HANDLER [{name}]" in said] == handlers * unfinished
    assert f"changed={len(roles) * unfinished} " in said


def read(file: Path) -> Any:
    return yaml.safe_load(file.read_text())


def test_ansible_gets_a_locale_that_the_system_has(monkeypatch: pytest.MonkeyPatch) -> None:
    assert provision.environment()["LC_ALL"] == "C.UTF-8"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert provision.environment()["LC_ALL"] == "en_US.UTF-8"


def test_every_cure_belongs_to_a_task_of_the_roles() -> None:
    tasks = "".join(path.read_text() for path in PLAYBOOK.parent.glob("roles/*/tasks/main.yml"))
    assert [name for name in provision.CURES if f"- name: {name}\n" not in tasks] == []


def test_the_roles_are_what_ansible_understands(tmp_path: Path) -> None:
    playbook = shutil.which("ansible-playbook", path=provision.environment()["PATH"])
    assert playbook
    env = {**provision.environment(), "HOME": str(tmp_path)}
    hosts = "control-1,"
    said = command.run([playbook, "--syntax-check", "-i", hosts, str(PLAYBOOK)], env=env, timeout=120)
    assert "playbook:" in said.stdout


def test_ansible_lint_finds_nothing_in_the_roles(tmp_path: Path) -> None:
    """On a copy: it leaves folders beside what it reads."""
    shutil.copytree(PLAYBOOK.parent, tmp_path / "ansible")
    lint = shutil.which("ansible-lint", path=provision.environment()["PATH"])
    assert lint
    env = {**provision.environment(), "HOME": str(tmp_path)}
    words = [
        lint,
        "--offline",
        "--nocolor",
        "--profile=production",
        "--project-dir",
        str(tmp_path / "ansible"),
    ]
    done = command.run([*words, str(tmp_path / "ansible/site.yml")], env=env, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Profile 'production' was required, and it passed" in done.stderr
