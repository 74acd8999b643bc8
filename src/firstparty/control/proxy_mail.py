"""The e-mail by which an owner on Segment itself asks for another host address. Pure.

Whose settings Segment serves, Segment alone can change: its support does, when asked.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from firstparty.errors import Refused

_LONGEST: Final = 300
_PRINTABLE: Final = re.compile(r"[!-~]+")
_NO_URL: Final = "https://app.segment.com/WORKSPACE/sources/SOURCE"
_NO_ID: Final = "SOURCE_ID (Settings > API Keys of the source)"


class Purpose(StrEnum):
    """What the e-mail asks for."""

    ENABLE = "enable"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """An e-mail to copy."""

    purpose: Purpose
    subject: str
    body: str


def write_mails(
    *, api_base: str, default_api: str, source_url: str | None, source_id: str | None
) -> tuple[Mail, Mail]:
    """The two e-mails for a source of Segment's: to its proxy, and back.

    What is not known stands there in capitals. Raises Refused for what cannot be an address or id.
    """
    url = _parse(source_url, "source_url", unknown=_NO_URL)
    identifier = _parse(source_id, "segment_source_id", unknown=_NO_ID)

    def mail(purpose: Purpose, subject: str, wish: str) -> Mail:
        body = (
            f"Hello,\n\n{wish}\n\nSource URL: {url}\nSource ID: {identifier}\n"
            f"Host address (apiHost): {api_base if purpose is Purpose.ENABLE else default_api}\n\n"
            "Thank you.\n"
        )
        return Mail(purpose=purpose, subject=subject, body=body)

    return (
        mail(
            Purpose.ENABLE,
            "Host address of a source: custom proxy",
            "We run a custom proxy for this source, and both of its sides pass our checks. Please "
            "set the source's host address to the proxy's.",
        ),
        mail(
            Purpose.RESTORE,
            "Host address of a source: back to the default",
            "We give up the custom proxy of this source. Please set its host address back to the "
            "default.",
        ),
    )


def _parse(text: str | None, field: str, *, unknown: str) -> str:
    if not text:
        return unknown
    if len(text) > _LONGEST or not _PRINTABLE.fullmatch(text):
        raise Refused(
            "bad-mail-field",
            f"This cannot be it: up to {_LONGEST} characters, no spaces. Copy it from the source's "
            "page in Segment.",
            field=field,
        )
    return text
