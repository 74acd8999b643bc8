"""What may be kept of a source's messages: its owner's rules, applied before anything is stored."""

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

KEPT_BITS_V4: Final = 24
KEPT_BITS_V6: Final = 48


class IpRule(StrEnum):
    """What becomes of the visitor's address, and of ``context.ip`` in a message."""

    KEEP = "keep"
    TRUNCATE = "truncate"  # to the network: see truncate_address
    DROP = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyRules:
    """A source's rules; as they are here, nothing is touched.

    ``honour_gpc`` and ``honour_dnt``: what a browser sends with ``Sec-GPC: 1`` or ``DNT: 1`` is not
    kept at all. ``consent``: a message is kept only if each of these categories is ``true`` in its
    ``context.consent.categoryPreferences``. ``drop_fields`` are paths such as
    ``properties.email``, which also reach into the objects of a list.
    """

    ip: IpRule = IpRule.KEEP
    honour_gpc: bool = False
    honour_dnt: bool = False
    consent: tuple[str, ...] = ()
    drop_fields: tuple[str, ...] = ()


NO_RULES: Final = PrivacyRules()


def truncate_address(address: Address) -> Address:
    """The network's own address: the first 24 bits of IPv4, the first 48 of IPv6."""
    kept = KEPT_BITS_V4 if isinstance(address, ipaddress.IPv4Address) else KEPT_BITS_V6
    spare = address.max_prefixlen - kept
    return type(address)(int(address) >> spare << spare)
