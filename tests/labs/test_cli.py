"""The `lab` command: what it asks of the laboratory, what it says, and how it ends."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs import cli
from labs.commands import COMMANDS, cluster, course, work
from labs.commands.work import split
from labs.errors import LabError, NotUp, UsageError
from labs.order import Order
from labs.show import Section
from vm.errors import HostCannot

Run = Callable[..., tuple[int, str, str]]


@dataclass
class Report:
    """What `up` and `status` give back."""

    running: bool = True

    def sections(self) -> Sequence[Section]:
        return [Section("Nodes", ("name",), [("worker-1",)])]

    def next_steps(self) -> Sequence[str]:
        return ["lab start 3"]

    def as_json(self) -> object:
        return {"running": self.running}


@dataclass
class FakeLab:
    """Stands for the module labs.lab: remembers what it was asked and answers from a table."""

    answers: dict[str, Any]
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def ask(*args: Any, **kwargs: Any) -> Any:
            self.asked.append((name, *args, *(value for key, value in kwargs.items() if key != "report")))
            found = self.answers.get(name, "done")
            if isinstance(found, BaseException):
                raise found
            return found

        return ask


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> FakeLab:
    fake = FakeLab({"up": Report(), "status": Report(), "labs_list": Section(rows=[("3", "chains")])})
    fake.answers["modes_list"] = Section(rows=[("worker-1", "iptables")])
    fake.answers |= dict.fromkeys(["kubectl", "shell", "check", "notebook", "solve"], 0)
    for module in (cluster, course, work):
        monkeypatch.setattr(module, "lab", fake)
    return fake


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], lab: FakeLab) -> Run:
    def call(*argv: str) -> tuple[int, str, str]:
        code = cli.main(argv)
        out, err = capsys.readouterr()
        return code, out, err

    return call


ASKS = [
    ("up", ("up", Order(), "")),
    ("up --dual-stack", ("up", Order(dual_stack=True), "")),
    ("up --nodes 5 --mode iptables --root", ("up", Order(5, "iptables", root=True), "")),
    ("up --backend vagrant", ("up", Order(), "vagrant")),
    ("down", ("down", False)),
    ("down --purge", ("down", True)),
    ("status", ("status",)),
    ("env", ("environment", "sh")),
    ("env --shell fish", ("environment", "fish")),
    ("kubectl get pods -A --help", ("kubectl", ["get", "pods", "-A", "--help"])),
    ("shell worker-1", ("shell", "worker-1", [])),
    ("shell worker-1 -- ls -- -l", ("shell", "worker-1", ["ls", "--", "-l"])),
    ("shell worker-1 ip addr", ("shell", "worker-1", ["ip", "addr"])),
    ("list", ("labs_list",)),
    ("start 3", ("start", 3, None)),
    ("start 3 --seed 0", ("start", 3, 0)),
    ("answer 3 path PREROUTING KUBE-SERVICES", ("answer", 3, "path", "PREROUTING KUBE-SERVICES")),
    ("hint 3", ("hint", 3, "")),
    ("hint 3 mode", ("hint", 3, "mode")),
    ("check 3 --junit out.xml", ("check", 3, "", False, "out.xml", False)),
    ("check 3 mode", ("check", 3, "mode", False, "", False)),
    ("read 3", ("read", 3, None)),
    ("read 3 4", ("read", 3, 4)),
    ("plot 5 errors calm", ("plot", 5, ["errors", "calm"])),
    ("reset 3", ("reset", 3)),
    ("reset --machines", ("reset_machines",)),
    ("notebook --no-browser", ("notebook", ["--no-browser"])),
    ("mode", ("modes_list",)),
    ("mode iptables", ("mode", "iptables", [], "")),
    ("mode nftables --node a --node b", ("mode", "nftables", ["a", "b"], "")),
    ("solve 3 --show", ("solve", 3, True)),
    ("new-lab 12-source-ranges", ("new_lab", "12-source-ranges")),
]


@pytest.mark.parametrize(("line", "asked"), ASKS, ids=[line for line, _ in ASKS])
def test_a_command_asks_the_laboratory(run: Run, lab: FakeLab, line: str, asked: tuple[Any, ...]) -> None:
    code, _, err = run(*line.split())
    assert (code, err, lab.asked) == (0, "", [asked])


def test_every_command_that_asks_the_laboratory_is_in_the_table_above() -> None:
    assert {line.split()[0] for line, _ in ASKS} | {"doctor", "box"} == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_has_an_example_of_it_and_runs_nothing(run: Run, lab: FakeLab, name: str) -> None:
    code, out, _ = run(name, "--help")
    assert code == 0
    assert "example:" in out
    assert f"lab {name}" in out.split("example:")[1]
    assert run("help", name) == (0, out, "")
    assert lab.asked == []


def test_help_lists_every_command(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert all(f"\n  {name} " in out for name in COMMANDS)
    assert run() == run("help") == (0, out, "")


WRONG = [
    ("strat 3", ["no command `strat`", "there are: doctor", "did you mean `start`?"]),
    ("frobnicate", ["no command `frobnicate`", "`lab --help`"]),
    ("help strat", ["did you mean `start`?"]),
    ("start", ["lab start", "required: N", "`lab start 3`"]),
    ("start three", ["the lab is `three`", "from 0 to 99", "`lab list`"]),
    ("start ٣", ["the lab is `٣`"]),
    ("start 3 4", ["`4` is one argument too many"]),
    ("start 3 --seed -1", ["--seed is `-1`", "from 0"]),
    ("start 3 --seed 2147483648", ["--seed is `2147483648`", "from 0 to 2147483647"]),
    ("notebook --workspace", ["`--workspace` names no folder"]),
    ("up --nodes 1", ["--nodes is `1`", "from 2 to 50", "`lab up` alone"]),
    ("up --noeds 4", ["no option of `lab up` `--noeds`", "did you mean `--nodes`?"]),
    ("up --mode iptable", ["no mode `iptable`", "did you mean `iptables`?"]),
    ("up --backend vagrnt", ["no backend `vagrnt`", "namespaces, vagrant", "did you mean `vagrant`?"]),
    ("mode iptable", ["no mode `iptable`; there are: ", "did you mean `iptables`?"]),
    ("mode --node worker-1", ["`--node` goes with a mode", "`lab mode --help`"]),
    ("mode iptables --scheduler rr", ["`--scheduler rr` goes with mode ipvs, not iptables"]),
    ("env --shell csh", ["no shell `csh`", "fish"]),
    ("shell", ["a machine or pod must be named", "`lab shell worker-1`"]),
    ("shell -- ls", ["`--` stands in its place"]),
    ("shell worker-1 -l", ["no option `-l`", "`lab shell worker-1 -- -l`"]),
    ("check 3 --json --watch", ["`--json` and `--watch`", "lab check 3 --watch"]),
]


@pytest.mark.parametrize(("line", "says"), WRONG, ids=[line for line, _ in WRONG])
def test_wrong_usage_is_64_and_says_what_is_right(run: Run, lab: FakeLab, line: str, says: list[str]) -> None:
    code, out, err = run(*line.split())
    assert (code, out, lab.asked) == (64, "", [])
    assert err.startswith("lab: ")
    assert [each for each in says if each not in err] == []


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (
            NotUp("the cluster is not running", "`lab up`"),
            2,
            "lab: the cluster is not running\n  → `lab up`\n",
        ),
        (LabError("no"), 1, "lab: no\n"),
        (HostCannot("no namespaces", "`lab doctor`"), 1, "lab: no namespaces\n  → `lab doctor`\n"),
        (KeyboardInterrupt(), 130, "lab: interrupted\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/x"),
            1,
            "lab: /x: No space left on device\n  → free",
        ),
        (OSError(errno.EBADF, "Bad file descriptor"), 1, "lab: Bad file descriptor\n"),
    ],
)
def test_what_a_user_or_the_host_causes_is_said_without_a_traceback(
    run: Run, lab: FakeLab, error: BaseException, code: int, says: str
) -> None:
    lab.answers["down"] = error
    found, out, err = run("down")
    assert (found, out) == (code, "")
    assert err.replace("->", "→").startswith(says)
    assert "Traceback" not in err


def test_a_mistake_of_ours_keeps_its_traceback(run: Run, lab: FakeLab) -> None:
    lab.answers["down"] = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        run("down")


@pytest.mark.parametrize("name", ["kubectl", "shell", "check", "solve"])
def test_exit_codes_pass_through(run: Run, lab: FakeLab, name: str) -> None:
    lab.answers[name] = 42
    assert run(name, "3")[0] == 42


def test_up_ends_with_the_cluster_and_what_to_try_next(run: Run) -> None:
    _, out, _ = run("up")
    assert "worker-1" in out
    assert out.endswith("Try next:\n  lab start 3\n")


@pytest.mark.parametrize(("running", "code"), [(True, 0), (False, 1)])
def test_status_tells_programs_whether_the_cluster_runs(
    run: Run, lab: FakeLab, running: bool, code: int
) -> None:
    lab.answers["status"] = Report(running)
    found, out, _ = run("status", "--json")
    assert (found, json.loads(out)) == (code, {"running": running})


def test_the_chosen_workspace_reaches_processes_started_from_here(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_WORKSPACE", "")
    run("list", "--workspace", "/w")
    assert os.environ["LAB_WORKSPACE"] == "/w"


@pytest.mark.parametrize("words", [["--workspace", "/w"], ["--workspace=/w"]])
def test_the_notebook_is_served_in_the_chosen_workspace(
    run: Run, lab: FakeLab, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("LAB_WORKSPACE", "")
    run("notebook", *words, "--no-browser")
    assert os.environ["LAB_WORKSPACE"] == "/w"
    assert lab.asked == [("notebook", ["--no-browser"])]


@given(st.lists(st.text(), max_size=5))
def test_a_shell_command_arrives_as_it_was_given(argv: list[str]) -> None:
    assert split(["pod", "--", *argv]) == ("pod", argv)


def outcome(name: str, argv: list[str]) -> str:
    """What reading `argv` for a command comes to: "read", or what is said to the user."""
    try:
        cli.Parser(COMMANDS[name]).read(argv)
    except UsageError as error:
        return str(error)
    return "read"


@given(
    st.sampled_from([name for name, row in COMMANDS.items() if not row.verbatim]),
    st.lists(st.text(max_size=9).filter(lambda word: not word.startswith(("-h", "--h"))), max_size=4),
)
def test_any_command_line_is_read_or_answered(name: str, argv: list[str]) -> None:
    assert outcome(name, argv) != ""


def test_a_terminal_that_lacks_a_sign_gets_another(monkeypatch: pytest.MonkeyPatch) -> None:
    err = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stderr", err)
    assert cli.main(["strat"]) == 64
    err.seek(0)
    assert "-> did you mean" in err.read()


def test_a_reader_that_goes_away_is_no_error() -> None:
    script = f"{sys.executable} -m labs.cli --help | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert done.stderr == ""
    assert done.stdout.strip() in ("0", "141")


def test_help_imports_nothing_heavy() -> None:
    script = "import sys; from labs.cli import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    heavy = {
        "kubernetes",
        "aiohttp",
        "asyncio",
        "yaml",
        "IPython",
        "pytest",
        "cryptography",
        "vm",
    }
    assert heavy & set(done.stderr.split()) == set()


def test_on_windows_every_command_says_where_the_lab_runs(
    run: Run, lab: FakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    for line in ("up --backend vagrant", "doctor", "down"):
        code, _, err = run(*line.split())
        assert code == 1
        assert "does not run on Windows itself" in err
        assert "WSL 2" in err
    assert run("up", "--help")[0] == 0
    assert lab.asked == []
