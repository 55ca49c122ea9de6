"""/metrics/slis: how often each health check was asked and what came, as every Kubernetes component tells it.

Apart from /metrics so that it can be scraped more often. kube-proxy has one check here, ``ping``.
https://kubernetes.io/docs/reference/instrumentation/slis/
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.exposition import generate_latest


class HealthCheckMetrics:
    """The results of the health checks that were made."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """As if none had been made."""
        self._registry = CollectorRegistry()
        self._last = Gauge(
            "kubernetes_healthcheck",
            "This metric records the result of a single healthcheck.",
            ("name", "type"),
            registry=self._registry,
        )
        self._all = Counter(
            "kubernetes_healthchecks",
            "This metric records the results of all healthcheck.",
            ("name", "status", "type"),
            registry=self._registry,
        )

    def succeeded(self, name: str, kind: str) -> None:
        """A check of this name passed, asked by way of ``kind``: healthz, livez, readyz."""
        self._last.labels(name, kind).set(1)
        self._all.labels(name, "success", kind).inc()

    def text(self) -> bytes:
        """What /metrics/slis answers."""
        return generate_latest(self._registry)
