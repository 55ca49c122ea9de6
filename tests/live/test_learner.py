"""A learner's own way: an ordinary user, the wheel installed outside the clone, lab 3 from start to end.

As root the ordinary user is `nobody`, through runuser; otherwise it is whoever runs the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]
AS_LEARNER = ("runuser", "-u", "nobody", "--") if os.geteuid() == 0 else ()


def run(*argv: str | Path, cwd: Path = ROOT) -> str:
    done = subprocess.run([str(word) for word in argv], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


def python() -> Path:
    """A Python that the learner may run: ours, unless it lies in somebody's closed home."""
    for candidate in (Path(sys.executable).resolve(), Path("/usr/bin/python3")):
        argv = [*AS_LEARNER, str(candidate), "-c", "import sys, venv; sys.exit(sys.version_info < (3, 11))"]
        if subprocess.run(argv, cwd="/", capture_output=True, check=False).returncode == 0:
            return candidate
    pytest.skip("no Python ≥ 3.11 on this host that an ordinary user can run")


@pytest.fixture(scope="module")
def folder():
    """A folder outside the clone that the learner can read."""
    path = Path(tempfile.mkdtemp(prefix="kube-proxy-lab-", dir="/var/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def installed(folder):
    """The `lab` command of the built wheel, with the locked dependencies, in a venv of its own."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder)
    run(python(), "-m", "venv", folder / "venv", cwd=folder)
    pip = (
        folder / "venv/bin/python",
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--disable-pip-version-check",
    )
    run(*pip, "--require-hashes", "--only-binary", ":all:", "-r", ROOT / "requirements.lock", cwd=folder)
    run(*pip, *folder.glob("*.whl"), cwd=folder)
    return folder / "venv/bin/lab"


@pytest.fixture(scope="module")
def learner(installed, folder, lab_of):
    """The running lab of the learner."""
    home = folder / "learner"
    home.mkdir()
    if AS_LEARNER:
        shutil.chown(home, "nobody")
    words = {
        "HOME": str(home),
        "LAB_HOME": str(home / "state"),
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
    }
    command = (
        *AS_LEARNER,
        "env",
        "-i",
        *(f"{name}={value}" for name, value in words.items()),
        str(installed),
    )
    own = lab_of(home / "state", command)
    own("up", timeout=120)
    yield own
    own("down", "--purge")


def test_the_learner_has_no_capability():
    status = run(*AS_LEARNER, "cat", "/proc/self/status", cwd=Path("/"))
    effective = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff"))
    assert int(effective, 16) == 0, "run the tests as root or as an ordinary user, not with some capabilities"


def test_the_doctor_finds_nothing_missing_for_the_default_mode(learner):
    rows = json.loads(learner("doctor", "--json"))
    assert rows


def test_the_packages_come_from_the_wheel_and_not_from_the_clone(learner, installed):
    script = "import labs, vm, checker, labs.course; print(labs.__file__, labs.course.content())"
    printed = run(*AS_LEARNER, installed.parent / "python", "-P", "-c", script, cwd=Path("/"))
    assert str(ROOT) not in printed
    assert "site-packages/labs/content" in printed


def test_requests_pass_on_every_way_with_bridge_netfilter_off(learner):
    switch = "/proc/sys/net/bridge/bridge-nf-call-iptables"
    for node in ("control-1", "worker-1", "worker-2"):
        off = learner.on(node, "sh", "-c", f"[ ! -e {switch} ] || {{ echo 0 > {switch} && cat {switch}; }}")
        assert off.strip() in ("", "0")
        assert "appname-backend-" in learner.on(
            "client", "curl", "-s", f"http://{address(learner, node)}:31103/"
        )
    service = learner.objects("service", "-n", "eks-dev-1-appname-ns")[0]["spec"]["clusterIP"]
    for pod in learner.objects("pod", "-n", "eks-dev-1-appname-ns"):
        for _ in range(4):  # one of them goes back to the pod itself, sooner or later
            answer = learner("shell", pod["metadata"]["name"], "--", "curl", "-s", f"http://{service}/")
            assert "appname-backend-" in answer


def address(lab, node: str) -> str:
    node = json.loads(lab.kubectl("get", "node", node, "-o", "json"))
    return next(each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP")


def test_lab_3_goes_from_nothing_to_full_points(learner):
    learner("start", "3")
    untouched = learner.run("check", "3", "--json")
    assert untouched.returncode == 1
    record = json.loads(untouched.stdout)
    assert record["points"] == 0
    assert {task["outcome"] for task in record["tasks"]} <= {"failed", "blocked"}
    learner("solve", "3", timeout=180)
    record = json.loads(learner("check", "3", "--json"))
    assert record["points"] == record["of"] > 0
    assert (learner.home / "workspace/03-iptables-chains/lesson.ipynb").exists()


def test_with_the_cluster_down_nothing_is_judged_and_nothing_lost(learner):
    learner("down")
    done = learner.run("check", "3", "--json")
    assert done.returncode == 2
    record = json.loads(done.stdout)
    assert {task["outcome"] for task in record["tasks"]} == {"broken"}
    assert "lab up" in done.stdout
    learner("up")
    again = json.loads(learner.run("check", "3", "--json").stdout)
    assert "broken" not in {task["outcome"] for task in again["tasks"]}
    assert again["of"] == record["of"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: to be a third user of the host")
def test_another_user_cannot_read_the_kubeconfig(learner):
    argv = ["runuser", "-u", "daemon", "--", "cat", str(learner.home / "kubeconfig")]
    done = subprocess.run(argv, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Permission denied" in done.stderr
