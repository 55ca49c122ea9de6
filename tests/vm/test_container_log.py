from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vm import container_log
from vm.container_log import LONGEST_LINE, ContainerLog, Lines, LogFile

LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (stdout|stderr) ([FP]) (.*)$", re.DOTALL)


def entries(*chunks: bytes) -> list[tuple[str, bytes]]:
    lines = Lines()
    return [*(entry for chunk in chunks for entry in lines.feed(chunk)), *lines.end()]


@given(st.lists(st.sampled_from([b"a", b"\n", b"bc", b"x" * (LONGEST_LINE - 1), b"y" * LONGEST_LINE])))
def test_nothing_is_lost_and_nothing_is_too_long(chunks: list[bytes]) -> None:
    made = entries(*chunks)
    assert b"".join(text + (b"\n" if tag == "F" else b"") for tag, text in made) == b"".join(chunks)
    assert all(len(text) <= LONGEST_LINE for _, text in made)


@given(st.binary(max_size=300), st.integers(1, 20))
def test_the_log_does_not_depend_on_how_the_output_arrived(data: bytes, size: int) -> None:
    assert entries(*(data[at : at + size] for at in range(0, len(data), size))) == entries(data)


@pytest.mark.parametrize(
    ("length", "tags"),
    [
        (0, "F"),
        (LONGEST_LINE, "F"),
        (LONGEST_LINE + 1, "PF"),
        (2 * LONGEST_LINE, "PF"),
        (2 * LONGEST_LINE + 1, "PPF"),
    ],
)
def test_a_line_is_cut_at_16_kib_as_containerd_cuts_it(length: int, tags: str) -> None:
    assert "".join(tag for tag, _ in entries(b"x" * length + b"\n")) == tags


def test_a_line_that_never_ends_is_partial() -> None:
    assert entries(b"whole\nrest") == [("F", b"whole"), ("P", b"rest")]


def test_both_streams_are_told_apart_in_one_file(tmp_path: Path) -> None:
    log = ContainerLog(str(tmp_path / "pods" / "echo.log"))
    for writer, text in zip(log.writers, (b"out\n", b"err\nno end"), strict=True):
        os.write(writer, text)
    log.forked()
    for stream in list(log.streams):
        assert not stream.copy()
        log.end(stream)
    lines = (tmp_path / "pods" / "echo.log").read_text().splitlines()
    found = [match.groups() for line in lines if (match := LINE.match(line))]
    assert found == [("stdout", "F", "out"), ("stderr", "F", "err"), ("stderr", "P", "no end")]


def test_a_chatty_container_keeps_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_log, "LARGEST_FILE", 1000)
    file = LogFile(str(tmp_path / "log"))
    for number in range(100):
        file.write("stdout", iter([("F", f"line {number}".encode())]))
    file.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "log.1"]
    assert all(path.stat().st_size < 1100 for path in tmp_path.iterdir())
    text = (tmp_path / "log.1").read_text() + (tmp_path / "log").read_text()
    assert text.endswith("line 99\n")


def test_a_full_disk_loses_output_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = LogFile(str(tmp_path / "log"))

    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        file.write("stdout", iter([("F", b"lost")]))
    file.write("stdout", iter([("F", b"kept")]))
    file.close()
    assert (tmp_path / "log").read_text().endswith("stdout F kept\n")
