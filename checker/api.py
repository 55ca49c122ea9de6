"""The API's objects as raw JSON, through the official client's configuration, authentication and transport.

Raw, because a check asks three fields of an object, and the client's model classes cost more than the
request. The client is imported here and late: it is a third of a second of CPU, spent while the nodes are
being read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from checker.errors import Broken
from checker.evidence import Object

PATHS = {
    "pods": "/api/v1/pods",
    "services": "/api/v1/services",
    "nodes": "/api/v1/nodes",
    "endpointslices": "/apis/discovery.k8s.io/v1/endpointslices",
    "deployments": "/apis/apps/v1/deployments",
    "daemonsets": "/apis/apps/v1/daemonsets",
    "configmaps": "/api/v1/configmaps",
    "ingresses": "/apis/networking.k8s.io/v1/ingresses",
}
SECONDS = 20.0


def objects(kubeconfig: Path) -> dict[str, list[Object]]:
    """All objects of the kinds in PATHS; Broken, with the cure, if the API cannot be asked."""
    from kubernetes.client.exceptions import ApiException
    from kubernetes.config import ConfigException, new_client_from_config
    from urllib3.exceptions import HTTPError

    try:
        with new_client_from_config(config_file=str(kubeconfig), persist_config=False) as client:
            client.configuration.retries = False
            return {kind: _items(client, path) for kind, path in PATHS.items()}
    except ConfigException as error:
        raise Broken(
            f"the kubeconfig {kubeconfig} cannot be used: {error}", "`lab up` writes it anew"
        ) from error
    except (HTTPError, ApiException, OSError, ValueError) as error:
        said = f"the API server did not answer: {_first_line(error)}"
        raise Broken(said, "`lab status` shows why; `lab up` starts it", passing=True) from error


def _items(client: Any, path: str) -> list[Object]:
    """The items of a list; `client` is a kubernetes.client.ApiClient, which has no types."""
    request = client.param_serialize(
        "GET", path, header_params={"Accept": "application/json"}, auth_settings=["BearerToken"]
    )
    response = client.call_api(*request, _request_timeout=SECONDS)
    text = response.read()
    if response.status != 200:
        raise ValueError(f"GET {path} → {response.status} {response.reason}")
    items: list[Object] = json.loads(text)["items"]
    return items


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
