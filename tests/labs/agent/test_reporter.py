from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from labs.agent.reporter import Reporter
from labs.kube.client import ApiError, Client

POD = {"metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "5"}, "status": {}}


class Api:
    """Takes patches, as the API would."""

    def __init__(self) -> None:
        self.patches: list[dict[str, Any]] = []
        self.errors: list[ApiError] = []

    async def patch(self, kind: str, name: str, namespace: str, patch: Any, **how: str) -> dict[str, Any]:
        if self.errors:
            raise self.errors.pop()
        self.patches.append(patch)
        version = str(10 + len(self.patches))
        return {**POD, "metadata": {**POD["metadata"], "resourceVersion": version}, "status": patch["status"]}


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def status() -> dict[str, Any]:
    return {"phase": "Running"}


def reporter(api: Api, status: dict[str, Any]) -> Reporter:
    return Reporter(cast("Client", api), POD, lambda shown: dict(status))


async def test_a_difference_is_written_once(api: Api, status: dict[str, Any]) -> None:
    found = reporter(api, status)
    await found.write()
    await found.write()
    assert api.patches == [{"metadata": {"uid": "u"}, "status": {"phase": "Running"}}]


async def test_old_news_are_not_believed(api: Api, status: dict[str, Any]) -> None:
    found = reporter(api, status)
    await found.write()
    found.seen({**POD, "status": {"phase": "Pending"}})
    await found.write()
    assert len(api.patches) == 1


async def test_what_others_wrote_is_corrected(api: Api, status: dict[str, Any]) -> None:
    found = reporter(api, status)
    await found.write()
    metadata = {**POD["metadata"], "resourceVersion": "99"}
    found.seen({**POD, "metadata": metadata, "status": {"phase": "Failed"}})
    await found.write()
    assert [patch["status"]["phase"] for patch in api.patches] == ["Running", "Running"]


async def test_changes_in_a_row_are_one_patch(api: Api, status: dict[str, Any]) -> None:
    found = reporter(api, status)
    running = asyncio.create_task(found.run())
    for number in range(5):
        status["restarts"] = number
        found.changed(settled=number == 4)
    async with asyncio.timeout(5):
        while not api.patches:
            await asyncio.sleep(0.01)
    running.cancel()
    assert [patch["status"]["restarts"] for patch in api.patches] == [4]


async def test_a_pod_that_is_gone_is_not_written_to_any_more(api: Api, status: dict[str, Any]) -> None:
    api.errors = [ApiError(404, "NotFound", "no such pod")]
    found = reporter(api, status)
    found.changed(settled=True)
    await asyncio.wait_for(found.run(), 5)
    assert api.patches == []
