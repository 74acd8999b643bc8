"""A certificate authority in memory, as strict as a real one and easy to make misbehave."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from firstparty.certs.local import LEAF_LIFETIME, LocalAuthority, new_local_root
from firstparty.certs.progress import (
    Challenged,
    Issued,
    OrderProgress,
    Pending,
    Rejected,
    RevocationProgress,
    Revoked,
    TryLater,
)
from firstparty.certs.renewal import Advice, NoAdvice
from firstparty.model.certificates import (
    Challenge,
    ChallengeMethod,
    DnsChallenge,
    HttpChallenge,
    RevocationReason,
)


@dataclass
class _Order:
    url: str
    names: tuple[str, ...]
    is_answered: bool = False
    polls: int = 0
    chain: str | None = None


def _challenge(url: str, name: str, method: ChallengeMethod) -> Challenge:
    match method:
        case ChallengeMethod.DNS:
            return DnsChallenge(host=name, value=f"{url}#{name}")
        case ChallengeMethod.HTTP:
            token = url.rpartition("/")[2]
            return HttpChallenge(host=name, token=token, key_authorization=f"{token}.thumbprint")


@dataclass
class AuthorityInMemory:
    """ACME without the network: orders with URLs, challenges, one poll of waiting."""

    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    name: str = "fake"
    orders: dict[str, _Order] = field(default_factory=dict)
    certified_keys: list[bytes] = field(default_factory=list)
    misbehave: list[OrderProgress] = field(default_factory=list)
    refuse: bool = False
    revoked: list[tuple[str, RevocationReason]] = field(default_factory=list)
    is_away: bool = False
    replaced: list[str] = field(default_factory=list)
    advice: Advice | NoAdvice = field(
        default_factory=lambda: NoAdvice(reason="none", again=timedelta(days=1))
    )
    lifetime: timedelta = LEAF_LIFETIME

    def __post_init__(self) -> None:
        self.issuer = LocalAuthority(
            new_local_root(self.clock()), clock=self.clock, leaf_lifetime=self.lifetime
        )

    async def begin(
        self,
        names: Sequence[str],
        csr: bytes,
        *,
        method: ChallengeMethod = ChallengeMethod.DNS,
        replaces: str = "",
    ) -> OrderProgress:
        del csr
        self.replaced.append(replaces)
        await asyncio.sleep(0)
        if self.misbehave:
            return self.misbehave.pop(0)
        order = _Order(url=f"https://ca.test/{len(self.orders) + 1}", names=tuple(names))
        self.orders[order.url] = order
        await asyncio.sleep(0)
        return Challenged(
            url=order.url,
            challenges=tuple(_challenge(order.url, name, method) for name in names),
        )

    async def answer(
        self, url: str, *, method: ChallengeMethod = ChallengeMethod.DNS
    ) -> OrderProgress:
        del method
        await asyncio.sleep(0)
        if self.misbehave:
            return self.misbehave.pop(0)
        if url not in self.orders:
            return Rejected(problem="orderUnknown", detail="No such order.")
        self.orders[url].is_answered = True
        await asyncio.sleep(0)
        return Pending(url=url)

    async def advance(self, url: str, csr: bytes) -> OrderProgress:
        await asyncio.sleep(0)
        if self.misbehave:
            return self.misbehave.pop(0)
        order = self.orders.get(url)
        if order is None:
            return Rejected(problem="orderUnknown", detail="No such order.")
        if not order.is_answered:
            return TryLater(reason="the challenges are not answered")
        order.polls += 1
        if order.polls == 1:
            return Pending(url=url)
        if self.refuse:
            return Rejected(problem="unauthorized", detail="Wrong TXT record.")
        if order.chain is None:
            issued = await self.issuer.begin(order.names, csr)
            assert isinstance(issued, Issued)
            order.chain = issued.chain
            public = x509.load_pem_x509_csr(csr).public_key()
            form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            self.certified_keys.append(public.public_bytes(*form))
        await asyncio.sleep(0)
        return Issued(url=url, chain=order.chain)

    async def revoke(
        self, chain: str, reason: RevocationReason, *, key_pem: bytes | None
    ) -> RevocationProgress:
        await asyncio.sleep(0)
        if self.is_away:
            return TryLater(reason="it is away")
        assert key_pem is not None
        self.revoked.append((chain, reason))
        await asyncio.sleep(0)
        return Revoked()

    async def fetch_advice(self, chain: str) -> Advice | NoAdvice:
        del chain
        await asyncio.sleep(0)
        return self.advice

    def close(self) -> None:
        """Nothing is open."""
