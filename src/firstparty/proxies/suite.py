"""Every check there is, in the order of their documentation."""

from typing import Final

from firstparty.proxies.checks import (
    api_paths,
    arrival,
    caching,
    cdn_paths,
    cors,
    dns,
    hygiene,
    plain,
    tls,
)
from firstparty.proxies.context import FIRST, Check
from firstparty.proxies.target import Side, Target

CDN_CHECKS: Final = (
    *dns.build_checks(Side.CDN, FIRST[Side.CDN]),
    *tls.build_checks(Side.CDN, FIRST[Side.CDN]),
    *cdn_paths.CHECKS,
    *cors.CDN_CHECKS,
    *caching.CDN_CHECKS,
    *hygiene.CDN_CHECKS,
)
API_CHECKS: Final = (
    *dns.build_checks(Side.API, FIRST[Side.API]),
    *tls.build_checks(Side.API, FIRST[Side.API]),
    *api_paths.CHECKS,
    *arrival.CHECKS,
    *plain.CHECKS,
    *cors.API_CHECKS,
    *caching.API_CHECKS,
    *hygiene.API_CHECKS,
)
MESSAGE_CHECKS: Final = (*api_paths.MESSAGE_CHECKS, *caching.MESSAGE_CHECKS)


def list_checks(target: Target) -> tuple[Check, ...]:
    """The checks that this target allows: messages are sent only with a write key."""
    if target.api is None:
        return CDN_CHECKS
    messages = MESSAGE_CHECKS if target.write_key is not None else ()
    return (*CDN_CHECKS, *API_CHECKS, *messages)
