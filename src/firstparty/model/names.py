"""Which names may become a domain: one rule, one code, one sentence each.

Names are IDNA 2008 A-labels in lower case without the root's dot. Whether somebody else holds a
name is no question here: that is decided when a claim is proved (``model.claims``).
"""

import ipaddress
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from typing import Final, Never

import idna
from publicsuffixlist import PublicSuffixList

from firstparty.errors import Refused

MAX_NAME_OCTETS: Final = 253  # RFC 1035 §2.3.4, without the root
_LDH: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")

# RFC 6761 and its registry: these never get a public delegation.
SPECIAL_USE: Final = frozenset(
    {"test", "example", "invalid", "localhost", "local", "onion", "internal", "alt", "arpa"}
)

# Filter lists block hosts by such labels, whoever runs them.
TRACKERISH_LABELS: Final = frozenset(
    {"analytics", "track", "tracking", "tracker", "segment", "pixel", "stats", "metrics", "events"}
)


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()  # ICANN and private sections


@dataclass(frozen=True, slots=True, kw_only=True)
class NamePolicy:
    """What this installation adds to the rules.

    ``own_names``: names of ours, which nobody may claim, nor anything below them.
    ``special_use``: special-use top-level domains to allow, for laptops and labs.
    """

    own_names: Collection[str]
    special_use: Collection[str] = ()


def registrable_domain(name: str) -> str | None:
    """The public suffix and one label more, or None for a public suffix itself."""
    found = _suffixes().privatesuffix(name)
    return str(found) if found else None


def parse_domain_name(text: str, policy: NamePolicy) -> str:
    """The canonical form of the subdomain that a person typed; raises Refused with the rule."""
    typed = text.strip().removesuffix(".")
    for rule in _TYPED_RULES:
        rule(typed)
    name = _to_a_labels(typed)
    for name_rule in _NAME_RULES:
        name_rule(name, policy)
    return name


def canonical_name(text: str) -> str:
    """The name as it would be stored, for looking it up: whatever cannot be one stays as it is."""
    typed = text.strip().removesuffix(".")
    try:
        return idna.encode(typed, uts46=True, transitional=False).decode().lower()
    except idna.IDNAError:
        return typed


def parse_label(text: str, *, field: str) -> str:
    """One label for a host under the domain, such as ``evs``; raises Refused."""
    label = text.strip().lower()
    if not _LDH.fullmatch(label):
        raise Refused(
            "label-invalid",
            f"{text!r} is not one DNS label: use letters, digits and hyphens, up to 63 of them.",
            field=field,
        )
    return label


def is_at_or_below(name: str, ancestor: str) -> bool:
    """Whether ``name`` is ``ancestor`` or lies under it."""
    return name == ancestor or name.endswith(f".{ancestor}")


def _not_empty(typed: str) -> None:
    if not typed:
        _refuse("name-empty", "Type the subdomain you want, for example cdp.shop.com.")


def _not_too_long(typed: str) -> None:
    if len(typed) > MAX_NAME_OCTETS:
        _refuse("name-too-long", f"The name has {len(typed)} octets; DNS allows {MAX_NAME_OCTETS}.")


def _not_a_url(typed: str) -> None:
    if "/" in typed:
        _refuse("name-is-url", "Type the name alone, without https:// and without a path.")


def _not_an_address(typed: str) -> None:
    try:
        ipaddress.ip_address(typed.strip("[]"))
    except ValueError:
        if re.fullmatch(r"[0-9.]+|0x[0-9a-fA-F.x]+", typed):
            _refuse("name-is-address", "A domain is a name such as cdp.shop.com, not an address.")
        return
    _refuse("name-is-address", "A domain is a name such as cdp.shop.com, not an IP address.")


def _not_a_wildcard(typed: str) -> None:
    if "*" in typed:
        _refuse(
            "name-is-wildcard",
            "A wildcard cannot be a domain: choose one name; its hosts come by themselves.",
        )


def _no_underscore(typed: str) -> None:
    if "_" in typed:
        _refuse(
            "name-has-underscore",
            "A label with an underscore cannot be a host name: use letters, digits and hyphens.",
        )


def _to_a_labels(typed: str) -> str:
    try:
        name = idna.encode(typed, uts46=True, transitional=False).decode().lower()
    except idna.IDNAError as error:
        _refuse("name-invalid", f"{typed!r} is not a valid domain name: {error}.")
    for label in name.split("."):
        if not _LDH.fullmatch(label):
            _refuse("name-invalid", f"{label!r} is not a valid label of a host name.")
    return name


def _not_ours(name: str, policy: NamePolicy) -> None:
    for own in policy.own_names:
        if is_at_or_below(name, own) or is_at_or_below(own, name):
            _refuse("name-is-ours", f"{name} belongs to this service ({own}): choose one of yours.")


def _not_special_use(name: str, policy: NamePolicy) -> None:
    top = name.rpartition(".")[2]
    if top in SPECIAL_USE and top not in policy.special_use:
        _refuse(
            "name-is-special-use",
            f".{top} is reserved (RFC 6761) and never delegated: choose a name in public DNS.",
        )


def _not_a_suffix(name: str, _policy: NamePolicy) -> None:
    if registrable_domain(name) is None:
        _refuse(
            "name-is-public-suffix",
            f"{name} is a public suffix, under which anybody registers names: "
            "choose a subdomain of a name that you own.",
        )


def _not_an_apex(name: str, _policy: NamePolicy) -> None:
    if registrable_domain(name) == name:
        _refuse(
            "name-is-apex",
            f"{name} is a registered domain itself; delegating it would take the whole site. "
            f"Choose a subdomain such as cdp.{name}.",
        )


def _refuse(code: str, sentence: str) -> Never:
    raise Refused(code, sentence, field="name")


_TYPED_RULES: Final[tuple[Callable[[str], None], ...]] = (
    _not_empty,
    _not_too_long,
    _not_a_url,
    _not_an_address,
    _not_a_wildcard,
    _no_underscore,
)
_NAME_RULES: Final[tuple[Callable[[str, NamePolicy], None], ...]] = (
    _not_ours,
    _not_special_use,
    _not_a_suffix,
    _not_an_apex,
)
