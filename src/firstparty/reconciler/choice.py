"""The certificate authorities of an installation: what each can do, and the operator's order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from firstparty.certs.keys import KeyType
from firstparty.certs.limits import Limits
from firstparty.certs.progress import OrderProgress, RevocationProgress
from firstparty.certs.renewal import Advice, NoAdvice
from firstparty.model.certificates import ChallengeMethod, RevocationReason


class CertificateAuthority(Protocol):
    """Who issues certificates. Every method may be called again after a crash."""

    @property
    def name(self) -> str:
        """The name it has in the settings; stored with orders and certificates."""

    async def begin(
        self,
        names: Sequence[str],
        csr: bytes,
        *,
        method: ChallengeMethod = ChallengeMethod.DNS,
        replaces: str = "",
    ) -> OrderProgress:
        """Order a certificate for ``names`` and the key of the request (PEM).

        ``replaces`` is the id of one that this CA has advised to renew (RFC 9773).
        """

    async def answer(
        self, url: str, *, method: ChallengeMethod = ChallengeMethod.DNS
    ) -> OrderProgress:
        """Say that the challenges are served. MUST be harmless when said twice."""

    async def advance(self, url: str, csr: bytes) -> OrderProgress:
        """Take the next move in an order whose challenges were answered."""

    async def fetch_advice(self, chain: str) -> Advice | NoAdvice:
        """When the CA wants the leaf of this chain renewed."""

    def close(self) -> None:
        """Give back what it holds open."""

    async def revoke(
        self, chain: str, reason: RevocationReason, *, key_pem: bytes | None
    ) -> RevocationProgress:
        """Revoke a chain's leaf; ``key_pem`` is its key if we can open it. May be said twice."""


def staging_of(name: str) -> str:
    """The name that an authority's staging is known by: none in the settings is written so."""
    return f"{name} (staging)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An authority that may be chosen for an order, and what it lets us do.

    ``staging`` is where an order is tried again first after a refusal: its certificate is never
    served, and its failures count nowhere.
    """

    authority: CertificateAuthority
    limits: Limits = field(default_factory=dict)
    staging: CertificateAuthority | None = None

    @property
    def name(self) -> str:
        """The authority's."""
        return self.authority.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorities:
    """Those in use, first choice first; and every one known by its name, stagings too."""

    in_order: tuple[Choice, ...]
    by_name: Mapping[str, CertificateAuthority]
    key_type: KeyType = KeyType.ECDSA

    @property
    def names(self) -> frozenset[str]:
        """Whose certificates are served and renewed; one of any other is replaced."""
        return frozenset(choice.name for choice in self.in_order)

    @property
    def stagings(self) -> frozenset[str]:
        """Whose certificates are never served."""
        return frozenset(one.staging.name for one in self.in_order if one.staging is not None)

    def is_in_use(self, name: str) -> bool:
        """Whether an order at this authority may go on."""
        return name in self.names | self.stagings

    def close(self) -> None:
        """Give back what they hold open."""
        for authority in self.by_name.values():
            authority.close()


def build_authorities(
    in_order: tuple[Choice, ...],
    *others: CertificateAuthority,
    key_type: KeyType = KeyType.ECDSA,
) -> Authorities:
    """These in their order, with those that are only asked to revoke what they issued once."""
    known = [choice.authority for choice in in_order]
    known += [choice.staging for choice in in_order if choice.staging is not None]
    by_name = {one.name: one for one in (*others, *known)}
    return Authorities(in_order=in_order, by_name=by_name, key_type=key_type)
