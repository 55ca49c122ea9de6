"""Tokens prove themselves, end, and cannot be made by others."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.kube import tokens
from labs.kube.tokens import Keyring

RING = Keyring(b"a key")
TOKEN = RING.issue(tokens.node("worker-1"))


def test_a_token_says_whose_it_is() -> None:
    account = RING.check(RING.issue(tokens.service_account("shop", "till", "uid-1"), 600))
    node = RING.check(TOKEN)

    assert account is not None
    assert node is not None
    assert (account.service_account, account.uid) == (("shop", "till"), "uid-1")
    assert (node.name, node.service_account) == ("system:node:worker-1", None)
    assert "system:nodes" in node.groups


def test_a_token_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    token = RING.issue(tokens.ADMIN, 600)
    assert RING.check(token)
    monkeypatch.setattr(tokens.time, "time", lambda: 9e9)

    assert RING.check(token) is None


@given(st.integers(0, len(TOKEN) - 1), st.characters(codec="ascii"))
def test_a_token_that_was_changed_is_nobodys(at: int, letter: str) -> None:
    changed = TOKEN[:at] + letter + TOKEN[at + 1 :]

    assert changed == TOKEN or RING.check(changed) is None


@given(st.text())
def test_what_is_no_token_is_nobodys(text: str) -> None:
    assert RING.check(text) is None


def test_another_labs_token_is_nobodys() -> None:
    assert Keyring(b"another key").check(TOKEN) is None


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    token = Keyring.load(path).issue(tokens.ADMIN)

    assert Keyring.load(path).check(token) == tokens.ADMIN
    assert path.stat().st_mode & 0o777 == 0o600
