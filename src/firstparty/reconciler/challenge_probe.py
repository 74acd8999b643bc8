"""Whether a CA would find its challenges: TXT records at our nameservers, tokens at our edges."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from firstparty.config.addresses import Address
from firstparty.model.certificates import Challenge, DnsChallenge, HttpChallenge
from firstparty.reconciler.edge_client import ask_edge
from firstparty.reconciler.public_dns import PublicDns

_WITHIN: Final = timedelta(seconds=4)


class OwnChallenges:
    """A ChallengeProbe over real connections."""

    def __init__(self, dns: PublicDns, edges: Sequence[Address]) -> None:
        """``edges`` are where every edge takes HTTP, as this machine reaches them."""
        self._dns = dns
        self._edges = edges

    async def are_served(self, challenges: Sequence[Challenge]) -> bool:
        """See ChallengeProbe."""
        records = [one for one in challenges if isinstance(one, DnsChallenge)]
        tokens = [one for one in challenges if isinstance(one, HttpChallenge)]
        return await self._dns.are_served(records) and await self._are_at_edges(tokens)

    async def _are_at_edges(self, tokens: Sequence[HttpChallenge]) -> bool:
        if not tokens:
            return True
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_is_served(edge, token))
                for edge in self._edges
                for token in tokens
            ]
        return bool(tasks) and all(task.result() for task in tasks)


async def _is_served(edge: Address, wanted: HttpChallenge) -> bool:
    """Whether the edge answers exactly as the CA will ask (RFC 8555 §8.3)."""
    path = f"/.well-known/acme-challenge/{wanted.token}"
    try:
        answer = await ask_edge(edge, wanted.host, "GET", path, tls=None, within=_WITHIN)
    except (OSError, EOFError):
        return False
    is_there = answer.status == 200  # noqa: PLR2004 - RFC 9110 §15.3.1
    return is_there and answer.body == wanted.key_authorization.encode()
