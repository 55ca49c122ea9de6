"""What a person sees of tables and steps."""

from __future__ import annotations

import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.show import Look, Progress, Section, look, sections, table

WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=9)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def ascii_stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="ascii")


def ticking(*seconds: float) -> Progress:
    ticks = itertools.accumulate(seconds)
    return Progress(io.StringIO(), Look(), clock=lambda: next(ticks))


@given(st.lists(st.lists(WORDS, min_size=3, max_size=3), min_size=1, max_size=8))
def test_every_column_of_a_table_starts_at_one_place(rows: list[list[str]]) -> None:
    lines = table(rows).split("\n")
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for row, line in zip(rows, lines, strict=True):
        starts = [0, widths[0] + 2, sum(widths) + 4]
        assert [line[start:].split("  ")[0].rstrip() for start in starts] == row


def test_a_table_reads_like_kubectls() -> None:
    text = table([["worker-1", "Ready"], ["client", ""]], ["machine", "status"])
    assert text == "MACHINE   STATUS\nworker-1  Ready\nclient"


def test_a_table_without_rows_is_empty() -> None:
    assert table([]) == ""


def test_sections_stand_apart_and_leave_out_what_they_lack() -> None:
    parts = [Section("Nodes", ("name",), (("worker-1",),), "all there"), Section(note="done")]
    assert sections(parts, Look()) == "Nodes\nNAME\nworker-1\nall there\n\ndone"


def test_a_step_is_shown_with_the_time_it_took() -> None:
    report = ticking(5.0, 0.31, 1.0)
    report("fabric and 5 machines")
    report("API and agents")
    assert report.stream.getvalue() == "✓ fabric and 5 machines  0.31 s\n✓ API and agents  1.00 s\n"  # type: ignore[attr-defined]


def test_a_step_that_fails_is_marked_and_its_error_goes_on() -> None:
    report = ticking(0, 0, 2)
    with pytest.raises(KeyError), report.step("waiting for the pods"):
        raise KeyError
    assert report.stream.getvalue() == "✗ waiting for the pods  2.00 s\n"  # type: ignore[attr-defined]


def test_a_terminal_shows_what_is_being_done_and_then_writes_over_it() -> None:
    stream = Terminal()
    with Progress(stream, look(stream, {"NO_COLOR": "1"}), clock=lambda: 0.0).step("nodes ready"):
        assert stream.getvalue() == "… nodes ready"
    assert stream.getvalue().endswith("\r\x1b[K✓ nodes ready  0.00 s\n")


@pytest.mark.parametrize(
    ("environ", "colour", "live"),
    [({}, True, True), ({"NO_COLOR": "1"}, False, True), ({"TERM": "dumb"}, False, False)],
)
def test_colours_and_moving_lines_are_for_terminals_that_want_them(
    environ: dict[str, str], colour: bool, live: bool
) -> None:
    seen = look(Terminal(), environ)
    assert (seen.colour, seen.live) == (colour, live)


def test_a_pipe_gets_neither_colours_nor_moving_lines() -> None:
    assert look(io.StringIO(), {}) == Look(colour=False, unicode=False, live=False)


def test_marks_fall_back_to_ascii_where_the_encoding_lacks_them() -> None:
    seen = look(ascii_stream(), {})
    assert [seen.mark(sign) for sign in "✓✗–…→"] == ["ok", "FAIL", "-", "...", "->"]


def test_colour_surrounds_the_mark_only() -> None:
    assert Look(colour=True).mark("✓") == "\x1b[32m✓\x1b[0m"
