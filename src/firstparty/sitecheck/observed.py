"""What a visit to a page saw. Values alone: of messages only types and counts, of URLs no query."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much a visit may take; past any of these it is ended, and what it saw so far stays."""

    visit: timedelta = timedelta(seconds=18)  # from the first request to the last
    quiet: timedelta = timedelta(seconds=2.5)  # without a new request: the page has settled
    request: timedelta = timedelta(seconds=10)  # each, to the head of its answer
    start: timedelta = timedelta(seconds=10)  # of the browser
    max_bytes: int = 40 * 1024 * 1024  # of all answers
    max_requests: int = 800
    max_navigations: int = 12  # of the page itself, each redirect counted
    max_dialogs: int = 5
    max_memory_bytes: int = 1536 * 1024 * 1024  # of the browser's processes together


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The messages of one request to a tracking API: how many of each type."""

    write_key: str
    library: str  # as ``context.library.version`` has it; empty where it is not said
    types: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request of the browser. ``path`` has no query; ``failure`` is empty if it was answered.

    ``is_local``: the check itself answered, and nothing left this machine. ``is_inside``: its
    host has an address that is not public, which was not asked.
    """

    method: str
    scheme: str
    host: str
    path: str
    status: int = 0
    failure: str = ""
    is_local: bool = False
    is_inside: bool = False
    batch: Batch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """Something that Chromium says a Content Security Policy blocked; ``url`` has no query."""

    directive: str
    url: str
    is_report_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A script element: its address, or the beginning of its text if it concerns analytics."""

    src: str = ""
    text: str = ""
    global_name: str = ""  # data-global-segment-analytics-key


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What the page had become when it was looked at last."""

    url: str = ""
    status: int = 0
    policy: str = ""  # the header, its lines joined
    report_only: str = ""
    metas: tuple[str, ...] = ()
    scripts: tuple[Script, ...] = ()
    globals: frozenset[str] = frozenset()  # those of known consent managers


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """All that one visit saw.

    ``failure`` says why there was no page at all, ``stopped`` by which bound it was ended, and
    ``is_silent`` that the page let nobody look at it (a script that never ends).
    """

    document: Document = field(default_factory=Document)
    exchanges: tuple[Exchange, ...] = ()
    violations: tuple[Violation, ...] = ()
    failure: str = ""
    stopped: str = ""
    is_silent: bool = False
    page_addresses: tuple[str, ...] = ()  # each the page had, redirects included, no queries

    @property
    def messages(self) -> Mapping[str, int]:
        """How many messages of each type it tried to send."""
        total: dict[str, int] = {}
        for exchange in self.exchanges:
            for kind, number in (exchange.batch.types if exchange.batch else {}).items():
                total[kind] = total.get(kind, 0) + number
        return MappingProxyType(total)
