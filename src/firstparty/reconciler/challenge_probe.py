"""Whether a CA would find its challenges: TXT records at our nameservers, tokens at our edges."""

import asyncio
from collections.abc import Sequence
from typing import Final

import aiohttp

from firstparty.config.addresses import Address
from firstparty.model.certificates import Challenge, DnsChallenge, HttpChallenge
from firstparty.reconciler.public_dns import PublicDns

_TIMEOUT: Final = aiohttp.ClientTimeout(total=4, connect=2)


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
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as http,
            asyncio.TaskGroup() as group,
        ):
            tasks = [
                group.create_task(_is_served(http, edge, token))
                for edge in self._edges
                for token in tokens
            ]
        return bool(tasks) and all(task.result() for task in tasks)


async def _is_served(http: aiohttp.ClientSession, edge: Address, wanted: HttpChallenge) -> bool:
    """Whether the edge answers exactly as the CA will ask (RFC 8555 §8.3)."""
    url = f"http://{edge}/.well-known/acme-challenge/{wanted.token}"
    expected = wanted.key_authorization.encode()
    try:
        async with http.get(url, headers={"Host": wanted.host}, allow_redirects=False) as answer:
            body = await answer.content.read(len(expected) + 1)
            return answer.status == 200 and body == expected  # noqa: PLR2004 - RFC 9110 §15.3.1
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
