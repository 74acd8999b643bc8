"""Response rate limiting: our answers are of no use for flooding somebody whose address is forged.

Answers to one network (IPv4 /24, IPv6 /56) are counted each second, by what is asked for and all
together. Beyond a limit some are dropped; others are *slipped*: sent so short (TC, or BADCOOKIE)
that a real client comes back in a way that a forger cannot. Counters are slots of one fixed table,
so that a flood from many addresses costs no memory.
"""

import ipaddress
from array import array
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

_SLOTS: Final = 2**18
_MASK: Final = _SLOTS - 1
_REMEMBERED: Final = 65_536
_EXEMPT: Final = 0
_MAX_COUNT: Final = 2**32 - 1  # of a slot
_IPV4_PREFIX: Final = 24
_IPV6_PREFIX: Final = 56


class Verdict(IntEnum):
    """What is to be done with an answer."""

    SEND = 0
    DROP = 1
    SLIP = 2


SEND: Final = Verdict.SEND  # looking it up in the class costs more than counting


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """Answers a second to one network: to questions for one name, and in all; 0: no limit.

    Every ``slip``-th answer beyond them is slipped; 0: none. ``exempt`` networks have no limits.
    """

    same: int = 50
    all: int = 5_000
    slip: int = 2
    exempt: tuple[str, ...] = ("127.0.0.0/8", "::1/128")


class RateLimiter:
    """Counts answers. Two names that share a slot are counted together: rare, and harmless."""

    def __init__(self, limits: RateLimits) -> None:
        """Raises ValueError if an exempt network is none."""
        # A counter stands still when it is full, so a limit must be below that.
        self._same = min(limits.same or _MAX_COUNT, _MAX_COUNT)
        self._all = min(limits.all or _MAX_COUNT, _MAX_COUNT)
        self._slip = limits.slip
        self._exempt = [ipaddress.ip_network(text) for text in limits.exempt]
        self._is_on = bool(limits.same or limits.all)
        self._seeds: dict[bytes, int] = {}
        self._counts = array("I", bytes(4 * _SLOTS))
        self._second = 0
        self.limited = 0  # answers dropped or slipped since the start

    def check(self, address: bytes, what: bytes, second: int) -> Verdict:
        """Count an answer to ``address`` (4 or 16 octets) about ``what`` in this second."""
        seed = self._seeds.get(address)
        if seed is None:
            seed = self._seed(address)
        if seed == _EXEMPT:
            return SEND
        if second != self._second:
            self._second = second
            self._counts = array("I", bytes(4 * _SLOTS))
        counts = self._counts
        one, every = (seed ^ hash(what)) & _MASK, seed & _MASK
        same, total = counts[one], counts[every]
        if same < self._same and total < self._all:
            counts[one] = same + 1
            counts[every] = total + 1
            return SEND
        self.limited += 1
        if self._slip and self.limited % self._slip == 0:
            return Verdict.SLIP
        return Verdict.DROP

    def _seed(self, address: bytes) -> int:
        """A number for the network of ``address``: random from one process to the next."""
        if len(self._seeds) >= _REMEMBERED:
            self._seeds.clear()
        found = ipaddress.ip_address(address)
        # On a socket for both families, IPv4 comes as IPv6: all of it would be one network.
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        if not self._is_on or any(found in network for network in self._exempt):
            seed = _EXEMPT
        else:
            octets = (_IPV4_PREFIX if found.version == 4 else _IPV6_PREFIX) // 8  # noqa: PLR2004 -- IPv4
            seed = hash(found.packed[:octets] + b"network") or 1
        self._seeds[address] = seed
        return seed
