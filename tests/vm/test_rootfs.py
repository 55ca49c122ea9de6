"""Which paths are hidden and kept; what a machine then sees is in tests/live/test_machines.py."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vm import rootfs

paths = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(lambda parts: Path("/", *parts))


@given(st.lists(paths))
def test_the_outermost_paths_cover_all_and_do_not_overlap(given_paths: list[Path]) -> None:
    outermost = rootfs.outermost(given_paths)
    assert all(any(path.is_relative_to(top) for top in outermost) for path in given_paths)
    assert not any(one in other.parents for one in outermost for other in outermost)
    assert set(outermost) <= set(given_paths)


def test_a_path_is_hidden_when_it_lies_in_a_place_and_exists(tmp_path: Path) -> None:
    (tmp_path / "venv").mkdir()
    assert rootfs.hidden(tmp_path / "venv", [str(tmp_path)])
    assert not rootfs.hidden(tmp_path / "gone", [str(tmp_path)])
    assert not rootfs.hidden(tmp_path, [str(tmp_path)])
    assert not rootfs.hidden(tmp_path / "venv", ["/elsewhere", str(tmp_path)[:-1]])


def test_what_our_programs_are_made_of_is_needed() -> None:
    needed = rootfs.needed()
    import vm

    assert Path(sys.prefix) in needed
    assert any(Path(vm.__file__).is_relative_to(path) for path in needed)
    assert any(Path(sys.executable).resolve().is_relative_to(path) for path in needed)


@pytest.mark.parametrize("folder", [True, False])
def test_a_mount_point_in_a_writable_place_is_just_made(tmp_path: Path, folder: bool) -> None:
    point = tmp_path / "a" / "b"
    rootfs.appear(point, folder=folder)
    rootfs.appear(point, folder=folder)
    assert point.is_dir() == folder
    assert point.is_file() != folder


def test_a_sysctl_that_this_kernel_lacks_is_passed_over() -> None:
    rootfs.set_sysctl("net/no/such/key", "1")
    assert not Path("/proc/sys/net/no").exists()
