from __future__ import annotations

import base64
from typing import Any

import pytest

from labs.agent.atomic import File
from labs.agent.environment import Lookups
from labs.agent.payload import Sources, VolumeUnavailable, payload

POD: dict[str, Any] = {
    "metadata": {"name": "web-1", "namespace": "shop", "uid": "u", "labels": {"app": "web"}},
    "spec": {"serviceAccountName": "clerk", "containers": [{"name": "web"}]},
}
CONFIG = {"kind": "ConfigMap", "data": {"a": "1"}, "binaryData": {"b": base64.b64encode(b"\xff").decode()}}
SECRET = {"kind": "Secret", "data": {"key": base64.b64encode(b"s3cret").decode()}}


async def token(namespace: str, account: str, source: dict[str, Any]) -> str:
    return f"token of {namespace}/{account}"


def only(name: str, found: dict[str, Any]) -> Any:
    return lambda namespace, wanted: found if (namespace, wanted) == ("shop", name) else None


SOURCES = Sources(Lookups(only("cfg", CONFIG), only("key", SECRET)), token)


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ({"configMap": {"name": "cfg"}}, {"a": File(b"1"), "b": File(b"\xff")}),
        (
            {"configMap": {"name": "cfg", "items": [{"key": "a", "path": "x/y", "mode": 0o600}]}},
            {"x/y": File(b"1", 0o600)},
        ),
        ({"configMap": {"name": "no", "optional": True}}, {}),
        ({"secret": {"secretName": "key", "defaultMode": 0o400}}, {"key": File(b"s3cret", 0o400)}),
        (
            {"downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels['app']"}}]}},
            {"l": File(b"web")},
        ),
        (
            {
                "projected": {
                    "sources": [
                        {"serviceAccountToken": {"path": "token"}},
                        {"configMap": {"name": "cfg", "items": [{"key": "a", "path": "a"}]}},
                    ]
                }
            },
            {"token": File(b"token of shop/clerk"), "a": File(b"1")},
        ),
    ],
)
async def test_the_files_of_a_volume(volume: dict[str, Any], expected: dict[str, File]) -> None:
    assert await payload(POD, {"name": "v", **volume}, SOURCES) == expected


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"configMap": {"name": "no"}}, 'configmap "no" not found'),
        ({"secret": {"secretName": "no"}}, 'secret "no" not found'),
        (
            {"configMap": {"name": "cfg", "items": [{"key": "z", "path": "z"}]}},
            "configmap references non-existent config key: z",
        ),
        ({"nfs": {"server": "x"}}, "volume source name, nfs is not one of configMap, secret"),
    ],
)
async def test_what_is_missing_is_named(volume: dict[str, Any], message: str) -> None:
    with pytest.raises(VolumeUnavailable) as raised:
        await payload(POD, {"name": "v", **volume}, SOURCES)
    assert str(raised.value).startswith(message)
