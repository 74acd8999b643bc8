"""What is known of a certificate authority: what was used of its limits, whether it answers."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Use(StrEnum):
    """What a CA counts. The values are names of settings too."""

    ACCOUNTS = "new_accounts"
    ORDERS = "new_orders"  # for the account
    CERTIFICATES = "certificates_per_registered_domain"
    DUPLICATES = "duplicates"  # for the exact set of names
    FAILURES = "failed_validations"  # for the host and account


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """One thing that is counted: a use, and of what."""

    use: Use
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A domain may order at this authority from ``at`` on; ``counter`` is what it waits for."""

    domain_id: str
    authority: str
    at: datetime
    counter: Counter


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A call to a CA that got no usable answer."""

    at: datetime
    domain_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """A CA's failures since its last answer, oldest first; ``open_until``: not asked before."""

    failures: tuple[Failure, ...] = ()
    open_until: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether the CA is left alone."""
        return self.open_until is not None and now < self.open_until
