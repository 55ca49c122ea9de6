"""An address with a mask, as `-s`, `-d` and address ranges need it.

`ipaddress.ip_network` would do but for two things: the kernel also takes masks with holes
(`10.0.0.0/255.0.255.0`), and a walk compares tens of thousands of them, so an address is a plain integer
here.
"""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

BITS = {4: 32, 6: 128}


@dataclass(frozen=True, slots=True)
class Address:
    """One IPv4 or IPv6 address as a number."""

    version: int
    value: int

    @property
    def text(self) -> str:
        """The address as it is usually written; IPv6 compressed."""
        return _written(self.version, self.value)


@lru_cache(maxsize=65536)
def address(text: str) -> Address:
    """Read an address; `[…]` around IPv6 is taken off. Raises ValueError for anything else."""
    read = ip_address(text.strip("[]"))
    return Address(read.version, int(read))


@lru_cache(maxsize=65536)
def _written(version: int, value: int) -> str:
    full = ip_address(value.to_bytes(BITS[version] // 8, "big"))
    return str(full)


@dataclass(frozen=True, slots=True)
class Prefix:
    """All addresses whose bits under `mask` are those of `value`."""

    version: int
    value: int
    mask: int

    def covers(self, other: Address) -> bool:
        """Whether the address lies in it; addresses of the other family never do."""
        return other.version == self.version and other.value & self.mask == self.value

    @property
    def everything(self) -> bool:
        """Whether every address of the family lies in it (`0.0.0.0/0`), so that the match says nothing."""
        return self.mask == 0

    @property
    def single(self) -> bool:
        """Whether exactly one address lies in it."""
        return self.mask == (1 << BITS[self.version]) - 1

    @property
    def text(self) -> str:
        """As iptables-save prints it: a length where the mask has no holes, else the mask itself."""
        length = self.mask.bit_count()
        head = _written(self.version, self.value)
        if self.mask == _mask(self.version, length):
            return f"{head}/{length}"
        return f"{head}/{_written(self.version, self.mask)}"


@lru_cache(maxsize=65536)
def prefix(text: str) -> Prefix:
    """Read `10.0.0.1`, `10.0.0.0/8`, `10.0.0.0/255.0.255.0`, `fd00::/64`; bits outside the mask are cleared.

    Raises ValueError for a host name too: rules with names were resolved when they were loaded.
    """
    head, _, tail = text.partition("/")
    base = address(head)
    if not tail:
        mask = _mask(base.version, BITS[base.version])
    elif tail.isdigit():
        mask = _mask(base.version, int(tail))
    else:
        mask = address(tail).value
    return Prefix(base.version, base.value & mask, mask)


def _mask(version: int, length: int) -> int:
    bits = BITS[version]
    if length > bits:
        raise ValueError(f"/{length} is longer than the {bits} bits of an IPv{version} address")
    return (1 << bits) - (1 << (bits - length))
