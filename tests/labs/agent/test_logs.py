from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.agent.logs import Line, Wanted, comparable, parse, read, seek_tail, shown

T = "2026-11-23T09:00:0{}.000000000Z"


def text(*lines: str) -> bytes:
    return "".join(f"{T.format(number)} stdout F {line}\n" for number, line in enumerate(lines)).encode()


async def collect(path: Path, wanted: Wanted) -> bytes:
    return b"".join([piece async for piece in read(path, wanted, lambda: False)])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"2026-11-23T09:00:00.1Z stdout F a b", Line("2026-11-23T09:00:00.1Z", "stdout", False, b"a b")),
        (b"t stderr P part", Line("t", "stderr", True, b"part")),
        (b"t stdout F ", Line("t", "stdout", False, b"")),
        (b"t stdout F", Line("t", "stdout", False, b"")),
        (b"no log line", None),
        (b"", None),
    ],
)
def test_lines_of_the_cri(line: bytes, expected: Line | None) -> None:
    assert parse(line) == expected


@given(st.binary(max_size=50).filter(lambda data: b"\n" not in data))
def test_any_text_comes_back(data: bytes) -> None:
    line = parse(b"t stdout F " + data)
    assert line is not None
    assert shown(line, timestamps=False) == data + b"\n"


@given(st.lists(st.binary(max_size=9).map(lambda data: data.replace(b"\n", b""))), st.integers(0, 12))
def test_the_tail_is_the_last_lines(tmp_path_factory, lines: list[bytes], count: int) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("log") / "0.log"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    with path.open("rb") as file:
        seek_tail(file, count)
        assert file.read() == b"".join(line + b"\n" for line in lines[len(lines) - min(count, len(lines)) :])


def test_a_long_file_is_read_backwards_in_blocks(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(b"".join(b"%06d\n" % number for number in range(30000)))
    with path.open("rb") as file:
        seek_tail(file, 20000)
        assert file.readline() == b"010000\n"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), b"a\nb\nc\n"),
        (Wanted(tail=1), b"c\n"),
        (Wanted(tail=0), b""),
        (Wanted(since="2026-11-23T09:00:01Z"), b"b\nc\n"),
        (Wanted(since="2026-11-23T09:00:01.5Z"), b"c\n"),
        (Wanted(limit=3), b"a\nb"),
        (Wanted(tail=1, timestamps=True), b"2026-11-23T09:00:02.000000000Z c\n"),
    ],
)
async def test_what_kubectl_logs_can_ask_for(tmp_path: Path, wanted: Wanted, expected: bytes) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(text("a", "b", "c"))
    assert await collect(path, wanted) == expected


async def test_pieces_of_a_long_line_are_joined(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(b"t stdout P long \nt stdout F line\n")
    assert await collect(path, Wanted()) == b"long line\n"


async def test_following_goes_over_a_rotation_to_the_end_of_the_container(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(text("before"))
    alive = True
    seen: list[bytes] = []

    async def follow() -> None:
        async for piece in read(path, Wanted(follow=True), lambda: alive):
            seen.append(piece)

    async def until(expected: list[bytes]) -> None:
        async with asyncio.timeout(5):
            while seen != expected:
                await asyncio.sleep(0.01)

    task = asyncio.create_task(follow())
    await until([b"before\n"])
    with path.open("ab") as file:
        file.write(text("more"))
    path.rename(path.with_name("0.log.1"))
    path.write_bytes(text("after"))
    await until([b"before\n", b"more\n", b"after\n"])
    alive = False
    await asyncio.wait_for(task, 5)


@given(st.integers(0, 999_999_999), st.integers(0, 999_999_999))
def test_times_compare_as_text(one: int, other: int) -> None:
    def as_go(number: int) -> str:  # trailing zeros are left out
        return "2026-11-23T09:00:00" + (f".{number:09d}".rstrip("0") if number else "") + "Z"

    assert (comparable(as_go(one)) < comparable(as_go(other))) == (one < other)
