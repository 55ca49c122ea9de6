"""ServiceCIDR objects: where ClusterIPs come from, told by API servers since Kubernetes 1.33."""

from __future__ import annotations

import asyncio
import logging

from labs.kube.client import ApiError, Client
from labs.kube.kinds import KINDS

log = logging.getLogger(__name__)

KIND = KINDS["ServiceCIDR"]


async def served(client: Client, patience: float = 1.0) -> bool:
    """Whether this API server has them; while it does not answer, it is asked again every so many seconds."""
    while True:
        try:
            found = await client.request("GET", f"/apis/{KIND.api_version}")
        except ApiError as error:
            if error.status == 404:
                return False
            log.warning("cannot see whether the API has %s: %s; trying again", KIND.plural, error)
            await asyncio.sleep(patience)
        else:
            return any(kind["name"] == KIND.plural for kind in found["resources"])
