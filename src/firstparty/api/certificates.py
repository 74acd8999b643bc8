"""Certificates of a domain, and the installation's queue for them."""

from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from firstparty.api.context import Here
from firstparty.api.idempotency import IdempotentRoute
from firstparty.api.problems import describe_problems
from firstparty.control import certificate_queue, certificates
from firstparty.control.certificate_queue import AuthorityUsage, Usage
from firstparty.control.certificates import MAX_PEM, Try, TryState, find_serial
from firstparty.model.authorities import Promise, Use
from firstparty.store.sealing import load_sealer

router = APIRouter(
    tags=["certificates"],
    route_class=IdempotentRoute,
    responses=describe_problems(401, 403, 404, 409, 422),
)


class CertificateImport(BaseModel):
    """A certificate and its private key, both PEM."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "chain": "-----BEGIN CERTIFICATE-----\n…",
                    "private_key": "-----BEGIN PRIVATE KEY-----\n…",
                }
            ]
        },
    )

    chain: Annotated[
        str, Field(description="Leaf first, then its intermediates", max_length=MAX_PEM)
    ]
    private_key: Annotated[str, Field(description="Without a passphrase", max_length=MAX_PEM)]


class TryAnswer(BaseModel):
    """One try at one certificate: an order, and what came of it."""

    id: Annotated[str, Field(examples=["crt_8Qm2xT4nB7vK1cD5sW9e"])]
    authority: Annotated[str, Field(examples=["letsencrypt"])]
    state: TryState
    changed_at: Annotated[datetime, Field(description="When it was issued; else: last changed")]
    reason: Annotated[str, Field(description="Why it failed; empty: it did not")]
    serial: Annotated[str | None, Field(description="Hexadecimal", examples=["3a5f09"])]
    names: list[str]
    not_before: datetime | None
    not_after: datetime | None
    renews_at: Annotated[datetime | None, Field(description="When it is, or was to be, replaced")]
    advice_url: Annotated[str, Field(description="The authority's page on why it is renewed then")]
    revoked_at: datetime | None

    @classmethod
    def of(cls, one: Try) -> Self:
        """The answer for this try."""
        there = one.certificate
        return cls(
            id=one.id,
            authority=one.authority,
            state=one.state,
            changed_at=one.changed_at,
            reason=one.reason,
            serial=find_serial(there) if there else None,
            names=list(there.names) if there else [],
            not_before=there.not_before if there else None,
            not_after=there.not_after if there else None,
            renews_at=there.due_at if there else None,
            advice_url=there.advice_url if there else "",
            revoked_at=there.revoked_at if there else None,
        )


class Tries(BaseModel):
    """The last hundred tries, the newest first."""

    items: list[TryAnswer]


class UsedKey(BaseModel):
    """How often one key of a limit was used within its window."""

    key: Annotated[str, Field(description="A registered domain, a set of hosts, a host, or empty")]
    number: int


class LimitAnswer(BaseModel):
    """A limit of an authority."""

    use: Use
    most: Annotated[int, Field(description="As the authority publishes it")]
    kept: Annotated[int, Field(description="How many of them we use at most")]
    window_seconds: int
    used: Annotated[list[UsedKey], Field(description="The 20 keys used most within the window")]

    @classmethod
    def of(cls, usage: Usage) -> Self:
        """The answer for this limit."""
        return cls(
            use=usage.use,
            most=usage.rate.most,
            kept=usage.kept,
            window_seconds=int(usage.rate.window.total_seconds()),
            used=[UsedKey(key=key, number=number) for key, number in usage.used],
        )


class AuthorityAnswer(BaseModel):
    """A certificate authority in use."""

    name: str
    left_alone_until: Annotated[datetime | None, Field(description="It failed too often")]
    failures: Annotated[int, Field(description="In a row, since its last answer")]
    limits: list[LimitAnswer]

    @classmethod
    def of(cls, usage: AuthorityUsage) -> Self:
        """The answer for this authority."""
        return cls(
            name=usage.name,
            left_alone_until=usage.left_alone_until,
            failures=usage.failures,
            limits=[LimitAnswer.of(one) for one in usage.limits],
        )


class WaitingAnswer(BaseModel):
    """A domain that waits for its turn."""

    domain_id: str
    name: str
    authority: str
    waits_for: Annotated[Use, Field(description="The limit that makes it wait")]
    key: str
    turn_at: datetime

    @classmethod
    def of(cls, promise: Promise, name: str) -> Self:
        """The answer for this turn."""
        return cls(
            domain_id=promise.domain_id,
            name=name,
            authority=promise.authority,
            waits_for=promise.counter.use,
            key=promise.counter.key,
            turn_at=promise.at,
        )


class QueueAnswer(BaseModel):
    """The authorities in their order, and who waits for a turn, the next 200 first."""

    authorities: list[AuthorityAnswer]
    waiting: list[WaitingAnswer]
    waiting_count: int


@router.get("/certificate-queue")
def show_certificate_queue(here: Here) -> QueueAnswer:
    """What is used of the authorities' limits, and who waits. Needs an operator's token."""
    queue = certificate_queue.show_queue(here.store, here.caller, rules=here.rules, now=here.now)
    return QueueAnswer(
        authorities=[AuthorityAnswer.of(one) for one in queue.authorities],
        waiting=[WaitingAnswer.of(promise, name) for promise, name in queue.waiting],
        waiting_count=queue.waiting_count,
    )


@router.get("/domains/{domain_id}/certificates")
def list_certificates(here: Here, domain_id: str) -> Tries:
    """The certificates of a domain, and the orders that came to none."""
    found = certificates.list_tries(here.store, here.caller, domain_id, now=here.now)
    return Tries(items=[TryAnswer.of(one) for one in found])


@router.post("/domains/{domain_id}/certificates", status_code=HTTPStatus.CREATED)
def import_certificate(here: Here, domain_id: str, brought: CertificateImport) -> TryAnswer:
    """Serve a certificate of one's own; one by ACME takes over before it expires."""
    imported = certificates.import_certificate(
        here.store,
        here.caller,
        domain_id,
        chain=brought.chain,
        private_key=brought.private_key,
        open_sealer=partial(load_sealer, here.rules.edge_key),
        now=here.now,
    )
    return TryAnswer.of(imported)


@router.post("/domains/{domain_id}/certificates/revoke")
def revoke_certificates(here: Here, domain_id: str) -> Tries:
    """The private key is known to others: replace the certificate, then revoke what there was."""
    certificates.revoke_certificates(here.store, here.caller, domain_id, now=here.now)
    return list_certificates(here, domain_id)
