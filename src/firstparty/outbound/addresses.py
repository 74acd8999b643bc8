"""Which addresses may be contacted on a user's word, and how a host is read strictly.

``ipaddress.is_global`` alone is not the rule: it is True for NAT64, 6to4, multicast, parts of
192.0.0.0/24 and more (Python 3.11); and ``getaddrinfo`` reads ``127.1``, ``0`` and
``2130706433`` as addresses. So this has an allow rule and a parser of its own.
"""

import re
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from typing import Final

IpAddress = IPv4Address | IPv6Address

_MAX_NAME_LENGTH: Final = 253
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)

_REFUSED_V4: Final = (
    IPv4Network("192.0.0.0/24"),  # IETF protocol assignments, some of which count as global
    IPv4Network("192.88.99.0/24"),  # 6to4 relays, RFC 7526
)
_UNICAST_V6: Final = IPv6Network("2000::/3")  # all that IANA has for global unicast
_REFUSED_V6: Final = (
    IPv6Network("2001::/23"),  # IETF protocol assignments: Teredo, ORCHID, benchmarking
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("3fff::/20"),  # documentation, RFC 9637
)
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052


def is_public(address: IpAddress) -> bool:
    """Whether ``address`` is a public unicast one, an IPv4 address inside it included."""
    if isinstance(address, IPv4Address):
        return (
            address.is_global
            and not address.is_multicast
            and not address.is_reserved
            and not any(address in network for network in _REFUSED_V4)
        )
    embedded = _embedded(address)
    if embedded is not None:
        return is_public(embedded)
    return (
        address in _UNICAST_V6
        and address.is_global
        and address.scope_id is None
        and not any(address in network for network in _REFUSED_V6)
    )


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a packet to this one ends up at, if there is one."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def parse_host(text: str) -> IpAddress | str:
    """A host as written by a user: an address, or a host name in lower case without a final dot.

    Raises ValueError, with the reason, for what is neither: other spellings of an address
    (``127.1``, ``0x7f000001``, circled digits), underscores, empty or too long labels, U-labels.
    """
    host = text.removesuffix(".").lower()
    if not host.isascii():
        raise ValueError(f"{text!r} is not ASCII: write its A-label (xn--…)")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if ":" in bare:
        return _parse_ipv6(bare, text)
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        # A last label that is a number makes it an address, or nothing at all (WHATWG URL).
        return _parse_ipv4(host, text)
    labels = host.split(".")
    if len(host) > _MAX_NAME_LENGTH or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"{text!r} is not a host name")
    return host


def _parse_ipv4(host: str, text: str) -> IPv4Address:
    try:
        return IPv4Address(host)
    except AddressValueError as error:
        raise ValueError(f"{text!r} is not an IPv4 address in dotted decimal") from error


def _parse_ipv6(bare: str, text: str) -> IPv6Address:
    try:
        address = IPv6Address(bare)
    except AddressValueError as error:
        raise ValueError(f"{text!r} is not an IPv6 address") from error
    if address.scope_id is not None:
        raise ValueError(f"{text!r} has a zone index, which means nothing elsewhere")
    return address


def is_public_text(text: str) -> bool:
    """Whether ``text`` is the plain spelling of a public address; False for anything else."""
    try:
        return is_public(ip_address(text))
    except ValueError:
        return False
