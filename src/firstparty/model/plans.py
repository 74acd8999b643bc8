"""What a workspace may use: set by the operator; everything by default."""

import msgspec

from firstparty.model.domains import Mode


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """``modes`` that its domains may have, ``max_domains`` that it may have; None: no limit."""

    modes: tuple[Mode, ...] | None = None
    max_domains: int | None = None


EVERYTHING = Plan()
