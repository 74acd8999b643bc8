"""What a probe of the hosts is to ask, and what it got: values, nothing decided here."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Check(StrEnum):
    """One request of the probe."""

    SETTINGS = "settings"  # GET of the settings on the CDN host
    SCRIPT = "script"  # GET of the script on the CDN host
    LIBRARY = "library"  # GET of the health of the default CDN host: what it could not install
    CONSOLE = "console"  # GET of the console's health
    PREFLIGHT = "preflight"  # OPTIONS on the tracking API's batch path
    MESSAGE = "message"  # POST of a batch that holds nothing, which must come onto the disk


ON_API_HOST: Final = frozenset({Check.PREFLIGHT, Check.MESSAGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeTarget:
    """Both hosts, and the write key of a javascript source if the domain has one.

    ``is_console``: they are one, the console's. ``is_default``: they are the installation's own,
    which tell of it what no tenant has to know.
    """

    cdn_host: str
    api_host: str
    write_key: str | None
    is_console: bool = False
    is_default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAnswer:
    """What one address of the edge answered to one check.

    ``trouble`` says, for a person, why there was no HTTP answer; then ``status`` is 0.
    ``refused`` are versions of Analytics.js that this edge could not install.
    """

    check: Check
    host: str
    address: str
    status: int = 0
    content_type: str = ""
    is_well_formed: bool = True
    trouble: str | None = None
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostsAnswer:
    """All answers of one probe."""

    answers: tuple[HostAnswer, ...]
