"""Pipes are lent while bytes are in flight, and never leak."""

from __future__ import annotations

import os
import resource

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.proxy.userspace.pipes import IDLE, Pipe, Pipes


@pytest.fixture
def pipes() -> Pipes:
    return Pipes(limit=2)


def test_a_pipe_comes_again(pipes: Pipes) -> None:
    first = pipes.borrow()
    assert first
    pipes.give_back(first)
    assert pipes.borrow() is first
    assert pipes.open == 1
    first.close()


def test_there_are_no_more_than_the_limit(pipes: Pipes) -> None:
    lent = [pipes.borrow(), pipes.borrow()]
    assert pipes.borrow() is None
    for pipe in lent:
        assert pipe
        pipes.give_back(pipe)
    pipes.close()
    assert pipes.open == 0


def test_a_pipe_with_bytes_in_it_is_not_lent_again(pipes: Pipes) -> None:
    pipe = pipes.borrow()
    assert pipe
    pipe.filled = os.write(pipe.writer, b"somebody's")
    pipes.give_back(pipe)
    assert pipes.open == 0
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(pipe.writer, b"x")


def test_out_of_descriptors_there_is_none(pipes: Pipes) -> None:
    lowest = os.dup(0)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 1, hard))
    try:
        assert pipes.borrow() is None
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.close(lowest)


def test_forbidden_pipes_are_lent_no_more(pipes: Pipes) -> None:
    pipe = pipes.borrow()
    assert pipe
    pipes.give_back(pipe)
    pipes.forbid()
    assert pipes.borrow() is None
    assert pipes.open == 0


@given(st.lists(st.sampled_from(["borrow", "empty", "filled"])))
def test_open_is_what_is_lent_and_what_is_kept(steps: list[str]) -> None:
    pipes, lent = Pipes(limit=5), list[Pipe]()
    for step in steps:
        if step == "borrow":
            pipe = pipes.borrow()
            assert (pipe is None) == (len(lent) == 5)
            lent += [pipe] if pipe else []
        elif lent:
            pipe = lent.pop()
            pipe.filled = int(step == "filled")
            pipes.give_back(pipe)
        assert len(lent) <= pipes.open <= 5
    for pipe in lent:
        pipes.give_back(pipe)
    pipes.close()
    assert pipes.open == 0


def test_few_are_kept_for_the_next() -> None:
    pipes = Pipes(limit=IDLE + 10)
    lent = [pipes.borrow() for _ in range(IDLE + 10)]
    for pipe in lent:
        assert pipe
        pipes.give_back(pipe)
    assert pipes.open == IDLE
    pipes.close()
