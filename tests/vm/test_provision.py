"""Ansible's inventory and events, as the lab writes and tells them; the roles run in tests/live/vagrant."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from vm import provision
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
    config = tmp_path / "ssh_config"
    config.write_text("Host worker-1\n  HostName 127.0.0.1\n  Port 9\n  ConnectTimeout 5\n")
    with pytest.raises(ProvisionFailed, match="worker-1 is not reached") as caught:
        provision.provision(
            tmp_path / "ansible", config, {"worker-1": {"lab_missing_packages": ["x"]}}, lambda _: None
        )
    assert "`lab up` goes on from there" in caught.value.cure
    assert not list((tmp_path / "ansible").glob("artifacts/*/job_events/*"))


def test_every_cure_belongs_to_a_task_of_the_roles() -> None:
    tasks = "".join(path.read_text() for path in PLAYBOOK.parent.glob("roles/*/tasks/main.yml"))
    assert [name for name in provision.CURES if f"- name: {name}\n" not in tasks] == []


def test_the_roles_are_what_ansible_understands(tmp_path: Path) -> None:
    from vm import command

    playbook = shutil.which("ansible-playbook", path=provision.environment()["PATH"])
    assert playbook
    env = {**provision.environment(), "HOME": str(tmp_path)}
    hosts = "control-1,"
    said = command.run([playbook, "--syntax-check", "-i", hosts, str(PLAYBOOK)], env=env, timeout=120)
    assert "playbook:" in said.stdout


def test_ansible_lint_finds_nothing_in_the_roles(tmp_path: Path) -> None:
    """On a copy: it leaves folders beside what it reads."""
    from vm import command

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
