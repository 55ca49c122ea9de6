"""The names of the modes, in the order of their history, for who must not import the modes themselves.

`lab --help` has 0.3 s, and the modes bring asyncio and their tables with them.
"""

MODES = ("userspace", "iptables", "ipvs", "nftables")
DEFAULT = "iptables"
SCHEDULERS = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq")
"""IPVS's, as far as the kernel has them."""
