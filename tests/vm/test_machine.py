from __future__ import annotations

from pathlib import Path

import pytest

from vm.errors import CommandFailed
from vm.machine import Via

LOCAL = Via("here")
SSH = Via("n1", ("ssh", "root@n1"))


def test_a_machine_with_nothing_in_front_is_this_host() -> None:
    assert LOCAL.run(["echo", "a  b"]).stdout == "a  b\n"


def test_a_failure_names_the_command_as_it_was_given() -> None:
    env = Via("through-env", ("env", "-u", "NOTHING"))
    with pytest.raises(CommandFailed, match=r"^`sh -c exit 4` ended with code 4"):
        env.run(["sh", "-c", "exit 4"])


def test_over_ssh_words_are_quoted_for_the_shell_over_there() -> None:
    line = SSH.before(["echo", "a  b", "$x", "it's"], interactive=False)
    assert line == ["ssh", "root@n1", "--", """echo 'a  b' '$x' 'it'"'"'s'"""]


def test_a_container_runtime_gets_the_words_as_they_are() -> None:
    machine = Via("n1", ("docker", "exec", "-i", "n1"))
    assert machine.before(["echo", "$x"], interactive=True) == ["docker", "exec", "-i", "n1", "echo", "$x"]


def test_files_are_put_with_the_folders_above_them_and_got_again(tmp_path: Path) -> None:
    LOCAL.put("text\nof lines\n", f"{tmp_path}/a b/c/file")
    assert LOCAL.get(f"{tmp_path}/a b/c/file") == "text\nof lines\n"
    with pytest.raises(CommandFailed, match="No such file"):
        LOCAL.get(f"{tmp_path}/nothing")


def test_output_is_handed_on_with_the_exit_code() -> None:
    heard: list[str] = []
    assert LOCAL.stream(["sh", "-c", "echo out; exit 3"], heard.append) == 3
    assert "".join(heard) == "out\n"
