"""The kernel's settings of connection tracking, as the configuration's section ``conntrack`` asks for them.

They belong to the node, not to a mode, and are set once, at the start; a setting that is 0 is left as it is.
The maxima are not among them: the kernel has one for the whole host, which no network namespace can set.
"""

from __future__ import annotations

import logging
from pathlib import Path

from labs.proxy.configuration import Conntrack

log = logging.getLogger(__name__)

SYSCTLS = Path("/proc/sys/net/netfilter")


def settings(conntrack: Conntrack) -> dict[str, int]:
    """Setting → value, those that are asked for."""
    wanted = {
        "nf_conntrack_tcp_timeout_established": int(conntrack.tcp_established_timeout),
        "nf_conntrack_tcp_timeout_close_wait": int(conntrack.tcp_close_wait_timeout),
        "nf_conntrack_tcp_be_liberal": int(conntrack.tcp_be_liberal),
        "nf_conntrack_udp_timeout": int(conntrack.udp_timeout),
        "nf_conntrack_udp_timeout_stream": int(conntrack.udp_stream_timeout),
    }
    return {name: value for name, value in wanted.items() if value}


def set_up(conntrack: Conntrack) -> None:
    """Set them; one that cannot be set is told, and the rest is set all the same."""
    for name, value in settings(conntrack).items():
        path = SYSCTLS / name
        try:
            before = path.read_text(encoding="ascii").strip()
            if before != str(value):
                path.write_text(str(value), encoding="ascii")
                log.info("set %s to %d, it was %s", name, value, before)
        except OSError as error:
            log.warning("%s stays as it is, it cannot be set to %d: %s", name, value, error.strerror)
