"""A DNS admin link: one domain's records and their status, for somebody without an account."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsLink:
    """Whoever has its secret may read; nothing else may be done with it."""

    id: str
    domain_id: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether it still works."""
        return self.revoked_at is None and now < self.expires_at
