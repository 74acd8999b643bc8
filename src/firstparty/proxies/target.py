"""What to check: the two sides of a proxy, parsed from what a user wrote."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from firstparty.errors import Refused
from firstparty.model.hosts import HTTPS_PORT
from firstparty.outbound.addresses import parse_host
from firstparty.outbound.http import build_authority

HTTP_PORT: Final = 80
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*")
_WRITE_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


class Side(StrEnum):
    """The two halves of a proxy."""

    CDN = "cdn"
    API = "api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One side: where it listens, and the path in front of its own paths (no slash at the end).

    ``plain_port`` is where it would listen without TLS; None: not known, so not asked.
    """

    host: str
    port: int
    prefix: str
    plain_port: int | None = None

    def __str__(self) -> str:
        return f"https://{build_authority(self.host, self.port)}{self.prefix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A proxy to check. Without a write key nothing is sent that could count as a message.

    ``api`` has the prefix of the tracking API (``/v1``) in its ``prefix``. ``provider`` is what
    the proxy runs on, where its owner said so; else it is read off its answers.
    """

    cdn: Place
    api: Place | None
    write_key: str | None = field(default=None, repr=False)
    provider: str | None = None


def parse_target(
    *, cdn: str, api: str | None, write_key: str | None = None, provider: str | None = None
) -> Target:
    """The target of these texts; raises Refused for what is not an https address or a key."""
    if write_key is not None and not _WRITE_KEY.fullmatch(write_key):
        raise Refused("bad-write-key", "This is not a write key.", field="write_key")
    return Target(
        cdn=_parse_place(cdn, "cdn", default=""),
        api=None if api is None else _parse_place(api, "api", default="/v1"),
        write_key=write_key,
        provider=provider,
    )


def _parse_place(text: str, name: str, *, default: str) -> Place:
    try:
        url = urlsplit(text if "://" in text else f"https://{text}")
        port = url.port or HTTPS_PORT
        host = str(parse_host(url.hostname or ""))
    except ValueError as error:
        raise Refused("bad-address", f"{text!r}: {error}.", field=name) from error
    prefix = url.path.rstrip("/")
    is_plain = not (url.query or url.fragment or url.username) and _PREFIX.fullmatch(prefix)
    if url.scheme != "https" or not is_plain:
        sentence = f"{text!r} is not an address such as https://{name}.example.com{default}."
        raise Refused("bad-address", sentence, field=name)
    return Place(
        host=host,
        port=port,
        prefix=prefix or default,
        plain_port=HTTP_PORT if port == HTTPS_PORT else None,
    )
