"""The variables by which a container finds the API: those that every pod has had since the first Kubernetes.

The kubelet adds the same seven for each Service of the pod's namespace (``enableServiceLinks``). Here only
``kubernetes`` itself has them: names are looked up in DNS today, and ten thousand Services would be seventy
thousand variables.
"""

from __future__ import annotations


def service_environment(name: str, address: str, port: int, port_name: str = "https") -> dict[str, str]:
    """The variables of one Service with one TCP port."""
    word = name.upper().replace("-", "_")
    url = f"tcp://{address}:{port}"
    start = f"{word}_PORT_{port}_TCP"
    return {
        f"{word}_SERVICE_HOST": address,
        f"{word}_SERVICE_PORT": str(port),
        f"{word}_SERVICE_PORT_{port_name.upper()}": str(port),
        f"{word}_PORT": url,
        start: url,
        f"{start}_PROTO": "tcp",
        f"{start}_PORT": str(port),
        f"{start}_ADDR": address,
    }
