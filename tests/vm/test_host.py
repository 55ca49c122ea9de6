"""What a host says about itself, and what to do about it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from vm import host


def kernel(root: Path, **values: str) -> Path:
    """A host whose /proc/sys has these values (folder__name="value")."""
    for name, value in values.items():
        path = root / "proc/sys" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")
    return root


@pytest.mark.parametrize(
    ("values", "cure"),
    [
        ({"user__max_user_namespaces": "0"}, "sysctl -w user.max_user_namespaces="),
        ({"kernel__unprivileged_userns_clone": "0"}, "sysctl -w kernel.unprivileged_userns_clone=1"),
        ({"kernel__apparmor_restrict_unprivileged_userns": "1"}, "/etc/apparmor.d/kube-proxy-lab"),
        (
            {"kernel__apparmor_restrict_unprivileged_userns": "0", "user__max_user_namespaces": "9"},
            "lab up --root",
        ),
    ],
)
def test_refused_user_namespaces_have_a_cure_for_each_reason(
    tmp_path: Path, values: dict[str, str], cure: str
) -> None:
    assert cure in host.user_namespaces_cure(kernel(tmp_path, **values), 1000)


def test_ubuntus_cure_is_a_profile_for_this_python(tmp_path: Path) -> None:
    cure = host.user_namespaces_cure(
        kernel(tmp_path, kernel__apparmor_restrict_unprivileged_userns="1"), 1000
    )
    profile = cure.split("<<'END'\n")[1].split("END\n")[0]
    assert f"profile kube-proxy-lab {Path(sys.executable).resolve()} flags=(unconfined) {{" in profile
    assert "userns,\n" in profile
    assert profile.count("{") == profile.count("}") == 1
    assert "apparmor_parser -r" in cure
    assert "lab up --root" in cure


@pytest.mark.parametrize("mark", [".dockerenv", "run/.containerenv"])
def test_a_container_is_told_how_to_be_started(tmp_path: Path, mark: str) -> None:
    (tmp_path / mark).parent.mkdir(exist_ok=True)
    (tmp_path / mark).touch()
    assert "--privileged" in host.user_namespaces_cure(tmp_path, 1000)


def test_root_that_may_not_is_in_a_container_and_is_not_told_to_become_root(tmp_path: Path) -> None:
    cure = host.user_namespaces_cure(tmp_path, 0)
    assert "--privileged" in cure
    assert "lab up --root" not in cure


def test_ip_vs_is_loaded_a_module_or_not_there(tmp_path: Path) -> None:
    assert host.ip_vs(tmp_path) == (False, "not in this kernel")
    modules = tmp_path / "lib/modules" / os.uname().release
    modules.mkdir(parents=True)
    (modules / "modules.dep").write_text("kernel/net/netfilter/ipvs/ip_vs.ko.xz: kernel/x.ko\n")
    assert host.ip_vs(tmp_path) == (False, "a module that is not loaded")
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/ip_vs").touch()
    assert host.ip_vs(tmp_path)[0] is (os.geteuid() == 0)


def test_a_state_folder_that_is_not_there_yet_is_tried_above_and_left_as_it_was(tmp_path: Path) -> None:
    ok, found = host.state_folder(tmp_path / "a" / "b")
    assert ok
    assert f"{tmp_path}: " in found
    assert list(tmp_path.iterdir()) == []


def test_a_state_folder_where_nothing_can_be_written_is_said() -> None:
    ok, found = host.state_folder(Path("/proc/lab"))
    assert not ok
    assert found.startswith("/proc: ")


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "SPACE", 2**62)
    ok, found = host.state_folder(tmp_path)
    assert not ok
    assert "GiB free" in found


def test_missing_programs_are_named(tmp_path: Path) -> None:
    (tmp_path / "ip").touch(mode=0o755)
    assert host.programs(("ip",), str(tmp_path)) == (True, "ip")
    assert host.programs(("ip", "ss"), str(tmp_path)) == (False, "not there: ss")
