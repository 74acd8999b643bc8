"""One request of a browser, read and checked, as the pages see it: no sockets, no headers."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import BoundedSemaphore
from typing import Any

from firstparty.config.settings import OidcSettings
from firstparty.control.access import SignedIn
from firstparty.control.callers import Caller
from firstparty.control.machine import Machine
from firstparty.control.rules import Rules
from firstparty.doctor.checks import Doctor
from firstparty.outbound.http import SafeClient
from firstparty.store.engine import Store
from firstparty.store.sealing import Sealer

Clock = Callable[[], datetime]
Document = Callable[[], Mapping[str, Any]]  # the OpenAPI document of the REST API


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the console runs; ``clock`` answers the time, aware UTC.

    ``debuggers`` bounds how many pages follow messages at a time, ``proxy_checks`` how many proxies
    are checked, ``looks`` how many pages wait for somebody else's servers, ``examinations`` how
    many things the ``doctor`` looks at. ``open_client`` gives the way to pages that a user named.
    """

    store: Store
    rules: Rules
    clock: Clock
    log_url: str
    sealer: Sealer
    debuggers: asyncio.Semaphore
    proxy_checks: asyncio.Semaphore
    looks: BoundedSemaphore
    oidc: OidcSettings
    examinations: asyncio.Semaphore
    open_client: Callable[[], SafeClient]
    doctor: Doctor | None = None
    machine: Machine | None = None
    document: Document | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a form sent: text, as typed. A field that was not sent is empty."""

    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """The first value of a field."""
        return next(iter(self.fields.get(name, ())), "")

    def texts(self, name: str) -> tuple[str, ...]:
        """Every value of a field, such as the boxes that were checked."""
        return tuple(self.fields.get(name, ()))

    def typed(self) -> dict[str, str]:
        """The first value of every field, to be shown again. Never a password."""
        return {name: self.text(name) for name in self.fields if name != "password"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request. ``csrf`` is what forms on the answer carry; ``flash`` names a message to show.

    ``address`` is the client's, for the sign-in throttle alone: never logged, never stored.
    """

    place: Place
    now: datetime
    csrf: str
    address: str
    is_https: bool
    base_url: str = ""  # of this console as the browser wrote it, without a final slash
    signed_in: SignedIn | None = None
    session_secret: str = ""
    flash: str = ""
    once: str = ""  # sealed, for console/once.py
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Form = field(default_factory=Form)

    @property
    def caller(self) -> Caller:
        """Who asks, on a page that only signed-in people reach."""
        assert self.signed_in is not None  # the rim let nobody else through
        return self.signed_in.caller
