"""Records as they are typed at a DNS provider."""

from typing import Annotated, Self

from pydantic import BaseModel, Field

from firstparty.control.dns_providers import WrittenRecords


class WrittenRecordAnswer(BaseModel):
    """A record, name and value as the provider wants them."""

    type: str
    name: Annotated[str, Field(examples=["cdp"])]
    value: str
    ttl: Annotated[int, Field(description="Seconds")]


class WrittenRecordsAnswer(BaseModel):
    """What to do at a DNS provider, and what to type there."""

    provider: Annotated[str, Field(examples=["cloudflare"])]
    title: Annotated[str, Field(examples=["Cloudflare"])]
    zone: Annotated[str, Field(description="Taken to be the registrable domain")]
    steps: list[str]
    records: list[WrittenRecordAnswer]
    text: Annotated[str, Field(description="All of it, for a terminal or a letter")]

    @classmethod
    def of(cls, written: WrittenRecords) -> Self:
        """The answer for these records."""
        return cls(
            provider=written.provider,
            title=written.title,
            zone=written.zone,
            steps=list(written.steps),
            records=[
                WrittenRecordAnswer(type=one.type, name=one.name, value=one.value, ttl=one.ttl)
                for one in written.records
            ],
            text=written.text,
        )
