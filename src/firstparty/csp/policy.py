"""A Content Security Policy, parsed as browsers do (CSP3 §2.2): they never refuse a policy.

What a browser ignores is ignored here too: names it does not know, a directive's second mention,
and directives that have no effect in a meta element.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

_WHITESPACE: Final = re.compile(r"[\t\n\f\r ]+")
# HTML §4.2.5.3: a meta element cannot say these.
_NOT_IN_META: Final = frozenset({"report-uri", "frame-ancestors", "sandbox"})


class Delivery(StrEnum):
    """How a page gets its policy."""

    HEADER = "header"  # Content-Security-Policy
    REPORT_ONLY = "report-only"  # Content-Security-Policy-Report-Only: blocks nothing
    META = "meta"  # <meta http-equiv="Content-Security-Policy">


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One policy: each directive's source expressions, by its name in lower case."""

    directives: Mapping[str, tuple[str, ...]]
    delivery: Delivery = Delivery.HEADER

    def find(self, *names: str) -> tuple[str, tuple[str, ...]] | None:
        """The first of these directives that the policy has, with its source expressions."""
        return next(
            ((name, self.directives[name]) for name in names if name in self.directives), None
        )

    def __str__(self) -> str:
        return "; ".join(" ".join((name, *said)) for name, said in self.directives.items())


def parse_policies(text: str, delivery: Delivery = Delivery.HEADER) -> tuple[Policy, ...]:
    """The policies of a header's value, or of a meta element's content.

    A header may hold several, with commas between them; each must allow what is to happen. A
    policy without directives is none.
    """
    found = (parse_policy(one, delivery) for one in text.split(","))
    return tuple(policy for policy in found if policy.directives)


def parse_policy(text: str, delivery: Delivery = Delivery.HEADER) -> Policy:
    """One serialised policy."""
    directives: dict[str, tuple[str, ...]] = {}
    for token in text.split(";"):
        words = [word for word in _WHITESPACE.split(token) if word]
        if not words or not token.isascii():
            continue
        name = words[0].lower()
        if delivery is Delivery.META and name in _NOT_IN_META:
            continue
        directives.setdefault(name, tuple(words[1:]))
    return Policy(directives=MappingProxyType(directives), delivery=delivery)
