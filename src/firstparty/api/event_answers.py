"""What became of messages, as the API shows it."""

import base64
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field

from firstparty.events.dead import StoredLetter
from firstparty.forward.letters import open_request

_SOURCE_ID = Field(examples=["src_8Qm2xT4nB7vK1cD5sW9e"])


class AccountAnswer(BaseModel):
    """One source's messages: `accepted = delivered + waiting + dead + expired - replayed`."""

    source_id: Annotated[str, _SOURCE_ID]
    source_name: Annotated[str, Field(examples=["Web shop"])]
    accepted: Annotated[int, Field(description="Answered with 200 and on disk")]
    delivered: Annotated[int, Field(description="The upstream took them")]
    waiting: Annotated[int, Field(description="On disk, without an outcome yet")]
    dead: Annotated[int, Field(description="Became dead letters, whatever happened to them since")]
    expired: Annotated[int, Field(description="Given up: older than the operator's limit")]
    replayed: Annotated[int, Field(description="Dead letters put in again; not accepted again")]
    refused: Annotated[
        int, Field(description="Requests that named this source and were not taken; not accepted")
    ]
    privacy_dropped: Annotated[
        int, Field(description="Messages that its privacy rules dropped; not accepted")
    ]
    uncounted_groups: Annotated[
        int, Field(description="0: exact. Otherwise so many requests' groups are not counted yet")
    ]


class LetterAnswer(BaseModel):
    """A message that will not be delivered by itself, whole, with the reason."""

    id: Annotated[str, Field(examples=["src_8Qm2xT4nB7vK1cD5sW9e.1042"])]
    source_id: Annotated[str, _SOURCE_ID]
    reason: Annotated[str, Field(examples=["refused upstream: 400 Bad Request: bad userId"])]
    can_be_replayed: Annotated[bool, Field(description="false: it cannot be read")]
    received_at: datetime
    died_at: datetime
    sent_at: Annotated[datetime | None, Field(description="What its batch said")]
    message: Annotated[str | None, Field(description="As it came: JSON as text")]
    message_base64: Annotated[str | None, Field(description="Where it is not text")]

    @classmethod
    def of(cls, stored: StoredLetter) -> Self:
        """The answer for this letter."""
        letter, text = stored.letter, stored.letter.text
        return cls(
            id=stored.id,
            source_id=stored.source.id,
            reason=letter.reason,
            can_be_replayed=letter.can_be_replayed,
            received_at=open_request(letter).received_at,
            died_at=letter.died_at,
            sent_at=letter.sent_at,
            message=text,
            message_base64=base64.b64encode(letter.message).decode() if text is None else None,
        )


class ReplayAnswer(BaseModel):
    """What became of a request to put dead letters in again."""

    replayed: Annotated[int, Field(description="Are in the log again")]
    kept: Annotated[int, Field(description="Cannot be read, so they stay where they are")]
    is_more: Annotated[bool, Field(description="Ask again for the rest")]
