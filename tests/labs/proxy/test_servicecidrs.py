"""Not every API server tells where ClusterIPs come from."""

from __future__ import annotations

from typing import Any

import pytest

from labs.kube.client import ApiError
from labs.proxy.changes import Changes
from labs.proxy.servicecidrs import served


class Client:
    """Gives these answers, one after the other."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    async def request(self, method: str, path: str) -> Any:
        assert (method, path) == ("GET", "/apis/networking.k8s.io/v1")
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


HERE = {"resources": [{"name": "ingresses"}, {"name": "servicecidrs"}]}
BEFORE_1_33 = {"resources": [{"name": "ingresses"}]}


@pytest.mark.parametrize(
    ("answer", "found"), [(HERE, True), (BEFORE_1_33, False), (ApiError(404, "NotFound", "no"), False)]
)
async def test_an_answer_decides(answer: Any, found: bool) -> None:
    assert await served(Client(answer)) is found  # type: ignore[arg-type]


async def test_no_answer_decides_nothing() -> None:
    client = Client(ApiError(0, "Unreachable", "away"), ApiError(503, "", "starting"), HERE)
    assert await served(client, patience=0)  # type: ignore[arg-type]
    assert client.answers == []


def cidr(name: str, *cidrs: str) -> Any:
    return {"kind": "ServiceCIDR", "metadata": {"name": name}, "spec": {"cidrs": list(cidrs)}}


def test_all_that_there_are_count_those_of_the_family_alone(changes: Changes) -> None:
    first, second = cidr("kubernetes", "10.96.0.0/16", "fd00:96::/112"), cidr("more", "10.32.0.0/16")
    assert changes.service_cidr(None, first)
    assert changes.service_cidr(None, second)
    assert not changes.apply().everything
    assert changes.state.service_cidrs == ("10.32.0.0/16", "10.96.0.0/16")
    assert not changes.service_cidr(first, first)
    assert changes.service_cidr(second, None)
    changes.apply()
    assert changes.state.service_cidrs == ("10.96.0.0/16",)
