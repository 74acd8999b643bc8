"""A domain as the API shows it: intent, what was observed, and what the owner must do."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field

from firstparty.api.source_answers import SourceAnswer
from firstparty.control.views import DomainView, MoveView, RecordView
from firstparty.model.domains import Mode
from firstparty.model.drains import Drain
from firstparty.model.findings import Actor, DnsRecord, Finding, Severity
from firstparty.model.key_rolls import KeyRoll, RollState
from firstparty.model.moves import MoveState
from firstparty.model.observations import Step
from firstparty.model.status import CertificateStatus, DnsStatus, EdgeStatus, ProbeStatus, Word


class Record(BaseModel):
    """A DNS record. Names end with a dot."""

    type: Annotated[str, Field(examples=["NS"])]
    name: Annotated[str, Field(examples=["cdp.shop.com."])]
    value: Annotated[str, Field(examples=["a-4kq0sxbt4nb7vk1cd5sw.ns.fp.example.net."])]
    ttl: Annotated[int, Field(description="Seconds", examples=[3600])]

    @classmethod
    def of(cls, record: DnsRecord) -> Self:
        """The answer for this record."""
        return cls(type=record.type, name=record.name, value=record.value, ttl=record.ttl)


class WantedRecord(Record):
    """A record that the owner adds."""

    found: Annotated[
        bool, Field(description="Whether the zone's own servers had it when last asked")
    ]

    @classmethod
    def of_view(cls, view: RecordView) -> Self:
        """The answer for this record."""
        return cls(**Record.of(view.record).model_dump(), found=view.found)


class FindingAnswer(BaseModel):
    """Why a domain is not, or not quite, live."""

    code: Annotated[str, Field(description="Stable, for programs", examples=["not-delegated"])]
    sentence: Annotated[
        str, Field(examples=["The parent zone has no NS records for this name yet."])
    ]
    acts: Annotated[Actor, Field(description="Who must act for it to go away")]
    severity: Severity
    records: Annotated[list[Record], Field(description="Records as they should be")]
    surplus: Annotated[list[Record], Field(description="Records that should go away")]
    look_again_at: Annotated[datetime | None, Field(description="When we look again by ourselves")]

    @classmethod
    def of(cls, finding: Finding) -> Self:
        """The answer for this finding."""
        return cls(
            code=finding.code,
            sentence=finding.sentence,
            acts=finding.acts,
            severity=finding.severity,
            records=[Record.of(record) for record in finding.records],
            surplus=[Record.of(record) for record in finding.surplus],
            look_again_at=finding.look_again_at,
        )


class Advice(BaseModel):
    """Something that is allowed, and that the owner should know."""

    code: Annotated[str, Field(examples=["label-trackerish"])]
    sentence: str


class DrainAnswer(BaseModel):
    """How far a domain that is being removed has run empty."""

    since: datetime
    cdn_requests: Annotated[int, Field(description="Of visitors, since then, to the CDN host")]
    api_requests: Annotated[int, Field(description="With messages, since then, to the API host")]
    last_request_at: datetime | None
    undelivered: Annotated[
        int | None,
        Field(description="Messages of sources that no other domain serves; null: not known"),
    ]

    @classmethod
    def of(cls, drain: Drain) -> Self:
        """The answer for this measurement."""
        return cls(
            since=drain.since,
            cdn_requests=drain.cdn_requests,
            api_requests=drain.api_requests,
            last_request_at=drain.last_request_at,
            undelivered=drain.undelivered,
        )


class MoveAnswer(BaseModel):
    """One domain takes another's place."""

    state: MoveState
    since: Annotated[datetime, Field(description="When it came into this state")]
    old_id: str
    old_name: str
    new_id: str
    new_name: str

    @classmethod
    def of(cls, view: MoveView) -> Self:
        """The answer for this move."""
        move = view.move
        return cls(
            state=move.state,
            since=move.changed_at,
            old_id=move.old_id,
            old_name=view.old_name,
            new_id=move.new_id,
            new_name=view.new_name,
        )


class KeyRollAnswer(BaseModel):
    """The zone's key is being replaced."""

    state: RollState
    since: Annotated[datetime, Field(description="When it came into this state")]

    @classmethod
    def of(cls, roll: KeyRoll) -> Self:
        """The answer for this roll."""
        return cls(state=roll.state, since=roll.since)


class DomainAnswer(BaseModel):
    """A customer's subdomain."""

    id: Annotated[str, Field(examples=["dom_8Qm2xT4nB7vK1cD5sW9e"])]
    workspace_id: Annotated[str, Field(examples=["wsp_8Qm2xT4nB7vK1cD5sW9e"])]
    name: Annotated[str, Field(description="A-labels", examples=["cdp.shop.com"])]
    mode: Mode
    status: Annotated[Word, Field(description="One word, derived from the four statuses")]
    dns: Annotated[DnsStatus, Field(description="What the owner's zone and our servers say")]
    certificate: Annotated[CertificateStatus, Field(description="Where the certificate stands")]
    edge: Annotated[EdgeStatus, Field(description="Whether the edge knows the hosts")]
    probe: Annotated[ProbeStatus, Field(description="What a request over HTTPS got")]
    findings: list[FindingAnswer]
    records: Annotated[list[WantedRecord], Field(description="Exactly the records to add")]
    optional_records: Annotated[
        list[WantedRecord],
        Field(description="To add, if you like, so that certificates need no port 80"),
    ]
    ds: Annotated[
        WantedRecord | None,
        Field(description="The DS record to add for DNSSEC, if you like; null: not signed (yet)"),
    ]
    key_roll: Annotated[
        KeyRollAnswer | None, Field(description="The replacement of the zone's key, if under way")
    ]
    cdn_host: Annotated[str, Field(examples=["evs.cdp.shop.com"])]
    api_host: Annotated[str, Field(examples=["api.cdp.shop.com"])]
    provider: Annotated[str | None, Field(description="What a proxy runs on, where that was said")]
    source_ids: list[str]
    sources: list[SourceAnswer]
    warnings: list[Advice]
    description: str
    has_csp: Annotated[bool, Field(description="The site has a Content Security Policy")]
    credential_origins: Annotated[
        list[str], Field(description="Pages of other sites that may send with credentials")
    ]
    stopwatch: Annotated[
        dict[Step, datetime], Field(description="When each step to live was first reached")
    ]
    drain: Annotated[
        DrainAnswer | None,
        Field(description="What still arrives, once the domain is removed or replaced"),
    ]
    move: Annotated[
        MoveAnswer | None, Field(description="The move that it is the old or new domain of")
    ]
    checked_at: Annotated[datetime | None, Field(description="When we last looked")]
    created_at: datetime

    @classmethod
    def of(cls, view: DomainView) -> Self:
        """The answer for this domain."""
        domain, seen = view.domain, view.observation
        return cls(
            id=domain.id,
            workspace_id=domain.workspace_id,
            name=domain.name,
            mode=domain.mode,
            status=view.word,
            dns=seen.statuses.dns,
            certificate=seen.statuses.certificate,
            edge=seen.statuses.edge,
            probe=seen.statuses.probe,
            findings=[FindingAnswer.of(finding) for finding in seen.findings],
            records=[WantedRecord.of_view(one) for one in view.records],
            optional_records=[WantedRecord.of_view(one) for one in view.optional_records],
            ds=None if view.ds is None else WantedRecord.of_view(view.ds),
            key_roll=None if view.roll is None else KeyRollAnswer.of(view.roll),
            cdn_host=domain.cdn_host,
            api_host=domain.api_host,
            provider=(domain.own_proxy.provider or None) if domain.own_proxy else None,
            source_ids=list(domain.source_ids),
            sources=[SourceAnswer.of(source) for source in view.sources],
            warnings=[Advice(code=one.code, sentence=one.sentence) for one in view.warnings],
            description=domain.description,
            has_csp=domain.has_csp,
            credential_origins=list(domain.credential_origins),
            stopwatch=dict(seen.stopwatch),
            drain=None if seen.drain is None else DrainAnswer.of(seen.drain),
            move=None if view.move is None else MoveAnswer.of(view.move),
            checked_at=seen.checked_at,
            created_at=domain.created_at,
        )
