"""Tokens of service accounts, as pods get them: good for as long as the pod reads them only once."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from labs.agent import tokens
from labs.agent.tokens import Tokens
from labs.kube.client import ApiError, Client
from labs.kube.local import LocalServer

SOURCE = {"expirationSeconds": tokens.LIFETIME, "path": "token"}
ACCOUNT = {
    "apiVersion": "v1",
    "kind": "ServiceAccount",
    "metadata": {"name": "clerk", "namespace": "default"},
}


@pytest.fixture
def server(tmp_path: Path):
    with LocalServer(tmp_path) as running:
        yield running


async def allowed(server: LocalServer, token: str) -> bool:
    """Whether the API answers who shows this token."""
    async with Client.from_token(server.url, token, server.config.ca) as client:
        try:
            await client.list("Service")
        except ApiError as error:
            return error.reason != "Unauthorized"
    return True


def test_an_account_that_was_made_again_gives_tokens_of_its_own(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "SHARED", 0.0)

    async def again() -> tuple[bool, bool]:
        async with await Client.from_kubeconfig(server.kubeconfig) as client:
            kept = Tokens(client)
            await client.create(ACCOUNT)
            first = await kept.get("default", "clerk", SOURCE)
            await client.delete("ServiceAccount", "clerk", "default")
            await client.create(ACCOUNT)
            second = await kept.get("default", "clerk", SOURCE)
            return await allowed(server, first), await allowed(server, second)

    assert asyncio.run(again()) == (False, True)


def test_pods_that_begin_together_share_a_token(server: LocalServer) -> None:
    async def together() -> set[str]:
        async with await Client.from_kubeconfig(server.kubeconfig) as client:
            await client.create(ACCOUNT)
            kept = Tokens(client)
            return set(await asyncio.gather(*(kept.get("default", "clerk", SOURCE) for _ in range(5))))

    assert len(asyncio.run(together())) == 1


def test_a_pods_token_is_good_after_the_hour_for_who_read_it_once(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = time.time() + 2 * tokens.LIFETIME

    async def two_hours_later() -> bool:
        async with await Client.from_kubeconfig(server.kubeconfig) as client:
            await client.create(ACCOUNT)
            token = await Tokens(client).get("default", "clerk", SOURCE)
            monkeypatch.setattr("labs.kube.tokens.time.time", lambda: later)
            return await allowed(server, token)

    assert asyncio.run(two_hours_later())
