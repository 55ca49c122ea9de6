"""The README is true: its sessions are typed again, and what they show comes again."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

README = Path(__file__).parents[2] / "README.md"
# What differs from run to run, and what may stand in its place.
RUNS = (
    (r"-[0-9a-f]{9,10}-[a-z0-9]{5}\b", "-POD"),
    (r"(kube-proxy)-[a-z0-9]{5}\b", r"\1-POD"),
    (r"10\.(96|244)(\.\d+){2}", r"10.\1.N"),
    (r"\b(\d+m)?\d+(\.\d+)? ?s\b", "T"),
    (r"\b0/1\b", "1/1"),
    (r"\buser, (?=process and mount)", ""),  # root needs no user namespace
    (r"worker-[12]", "worker-N"),
    (r"\s+", " "),
)


def sessions() -> list[tuple[str, list[str]]]:
    """The commands of the console blocks, each with the lines that it shows."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", README.read_text(), re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def plain(line: str) -> str:
    for pattern, name in RUNS:
        line = re.sub(pattern, name, line)
    return line.strip()


def test_the_sessions_of_the_readme_can_be_typed_and_show_what_they_show(fresh):
    environment = {**os.environ, "LAB_HOME": str(fresh.home)}
    missing = []
    for command, shown in sorted(sessions(), key=lambda each: each[0] == "lab down"):
        if command.startswith("kubectl"):
            fresh.kubectl("wait", "pod", "--all", "-A", "--for=condition=Ready", "--timeout=30s")
        if command.startswith("lab answer"):
            fresh("start", "3", "--seed", "0")
        script = f"{fresh('env')}\n{command}"
        done = subprocess.run(
            ["sh", "-c", script], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == (1 if command.startswith("lab check") else 0), done
        printed = {plain(line) for line in done.stdout.splitlines()}
        missing += [f"{command}: {line}" for line in shown if plain(line) not in printed]
    assert not missing


def test_the_commands_that_it_names_exist(lab):
    named = set(re.findall(r"`lab ([a-z]+)", README.read_text()))
    assert len(named) > 8
    for name in named:
        assert lab("help", name).startswith("usage: lab")
