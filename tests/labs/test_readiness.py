"""Waiting, and what is said when it was in vain."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from labs import readiness
from labs.kube.local import LocalServer
from labs.readiness import NotReady, Watched, not_ready
from vm.fake import FakeMachine

READY = {"metadata": {"name": "worker-1"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
URL = "http://10.96.0.7/"
CURL = f"curl --silent --show-error --fail --connect-timeout 0.3 --max-time 2 {URL}"


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "DEADLINE", 0.2)


def test_what_is_not_ready_and_what_is_not_there_is_named() -> None:
    assert not_ready([READY], 1, "node") == []
    assert not_ready([{"metadata": {"name": "worker-2"}}], 1, "node") == ["node worker-2"]
    assert not_ready([READY], 3, "node") == ["2 of 3: no node yet"]


def test_an_answer_is_the_name_of_the_pod() -> None:
    machine = FakeMachine("client", {CURL: "web-1 answers 10.0.0.1\n"})
    assert asyncio.run(readiness.answer(machine, URL)) == "web-1"


METRICS = "curl --silent --max-time 2 http://127.0.0.1:10249/metrics"
ASKED, DONE = (
    f'kubeproxy_sync_proxy_rules_last_{which}timestamp_seconds{{ip_family="%s"}} 1.7e+09\n'
    for which in ("queued_", "")
)
HALF = ASKED % "IPv4" + ASKED % "IPv6" + DONE % "IPv6"


@pytest.mark.parametrize("told", ["", "# HELP of nothing yet\n", HALF])
def test_a_proxy_has_synced_when_it_has_every_family_that_it_was_asked_for(told: str) -> None:
    asyncio.run(readiness._synced(FakeMachine("worker-1", {METRICS: HALF + DONE % "IPv4"}), 1))
    with pytest.raises(NotReady, match="the first sync of kube-proxy on worker-1"):
        asyncio.run(readiness._synced(FakeMachine("worker-1", {METRICS: told}), 1))


def test_no_answer_is_told_with_machine_url_and_cure() -> None:
    with pytest.raises(NotReady, match=rf"0.2 s: an answer from {URL} on client") as caught:
        asyncio.run(readiness.answer(FakeMachine("client"), URL))
    assert "lab kubectl get events" in caught.value.cure


def test_a_wait_ends_with_what_is_missing_and_goes_on_when_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def wait(kubeconfig: Path) -> None:
        async with Watched.at(kubeconfig) as watched:
            with pytest.raises(NotReady, match="1 of 1: no node yet"):
                await watched.until(lambda: not_ready(watched.nodes.objects.values(), 1, "node"))
            monkeypatch.setattr(readiness, "DEADLINE", 30.0)
            node = {"apiVersion": "v1", "kind": "Node", **READY}
            coming = asyncio.create_task(watched.client.create(node))
            await watched.until(lambda: [] if watched.nodes.objects else ["a node"])
            await coming

    monkeypatch.setattr(readiness, "DEADLINE", 2.0)
    with LocalServer(tmp_path) as server:
        asyncio.run(wait(server.kubeconfig))
