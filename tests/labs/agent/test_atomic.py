from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from labs.agent.atomic import File, write

NAMES = st.sampled_from(["a", "b.yaml", "sub/c", "sub/d", "other/e"])
FILES = st.dictionaries(NAMES, st.builds(File, st.binary(max_size=20)), max_size=5)


def shown(folder: Path) -> dict[str, bytes]:
    """What a program sees: files by the links beside ..data."""
    found = {}
    for path in folder.iterdir():
        if path.name.startswith(".."):
            continue
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        found.update({str(file.relative_to(folder)): file.read_bytes() for file in files})
    return found


@given(st.lists(FILES, min_size=1, max_size=4))
def test_a_program_sees_the_last_contents(tmp_path_factory, versions: list[dict[str, File]]) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("volume")
    for files in versions:
        write(folder, files)
        assert shown(folder) == {name: file.contents for name, file in files.items()}


def test_a_change_replaces_one_link(tmp_path: Path) -> None:
    write(tmp_path, {"a": File(b"1"), "b": File(b"1")})
    before = os.readlink(tmp_path / "..data")
    assert write(tmp_path, {"a": File(b"2"), "b": File(b"2")})
    assert os.readlink(tmp_path / "..data") != before
    assert os.readlink(tmp_path / "a") == "..data/a"
    assert not (tmp_path / before).exists()


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"a": File(b"1", 0o600)})
    before = os.readlink(tmp_path / "..data")
    assert not write(tmp_path, {"a": File(b"1", 0o600)})
    assert os.readlink(tmp_path / "..data") == before


def test_files_have_their_mode(tmp_path: Path) -> None:
    write(tmp_path, {"key": File(b"secret", 0o400)})
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o400
