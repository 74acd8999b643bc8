"""Watching a domain: what changes is printed, until there is nothing to wait for."""

import time
from collections.abc import Callable
from typing import Any, Final

from firstparty.cli.domain_text import describe_reasons, print_domain
from firstparty.cli.output import print_json_line, print_line
from firstparty.model.status import Word

PAUSE_SECONDS: Final = 1.0
_OVER: Final = frozenset(
    {Word.LIVE, Word.WARNING, Word.FAILING, Word.PAUSED, Word.REMOVING, Word.REMOVED}
)

Domain = dict[str, Any]


def watch_domain(fetch: Callable[[], Domain], first: Domain, *, as_json: bool) -> Domain:
    """Print ``first``, then each change of what ``fetch`` answers; the domain as it ended up."""
    if as_json:
        print_json_line(first)
    else:
        print_domain(first)
        print_line()
    domain = first
    while domain["status"] not in _OVER:
        time.sleep(PAUSE_SECONDS)
        before, domain = domain, fetch()
        if _shown(domain) == _shown(before):
            continue
        if as_json:
            print_json_line(domain)
        else:
            _print_change(domain)
    return domain


def _shown(domain: Domain) -> tuple[Any, ...]:
    statuses = tuple(domain[name] for name in ("status", "dns", "certificate", "edge", "probe"))
    found = tuple(record["found"] for record in domain["records"])
    return (*statuses, found, *describe_reasons(domain))


def _print_change(domain: Domain) -> None:
    statuses = "  ".join(
        f"{name} {domain[name]}" for name in ("dns", "certificate", "edge", "probe")
    )
    clock = time.strftime("%H:%M:%S")
    print_line(f"{clock}  {domain['status']:9}  {statuses}")
    for line in describe_reasons(domain):
        print_line(f"          {line}")
