"""What a source is made of: region, upstream, write key; parsed, or refused."""

import re
from typing import Final
from urllib.parse import urlsplit

from firstparty.control.rules import Rules
from firstparty.errors import Refused
from firstparty.model.identifiers import random_base62
from firstparty.model.upstreams import WEBHOOK_PREFIX, UpstreamKind, find_kind
from firstparty.outbound.addresses import parse_host

WRITE_KEY_LENGTH: Final = 32
MAX_VERSION: Final = 40
_MAX_WEBHOOK_CHARACTERS: Final = 400
_WRITE_KEY: Final = re.compile(r"[0-9A-Za-z_-]{6,64}")
_SCRIPT_VERSION: Final = re.compile(r"([0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?)?", re.ASCII)
_HOST: Final = re.compile(r"[0-9A-Za-z.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")


def parse_route(region: str, upstream: str | None, rules: Rules) -> tuple[str, str]:
    """The region, and where messages go to (model/upstreams.py); raises Refused."""
    if region not in rules.upstreams:
        known = " or ".join(sorted(rules.upstreams))
        raise Refused("region-unknown", f"The region is {known}.", field="region")
    if upstream is None:
        return region, rules.upstreams[region]
    kind = find_kind(upstream.strip())
    if kind is UpstreamKind.WEBHOOK:
        return region, parse_webhook(upstream)
    if kind is not UpstreamKind.TRACKING:
        if not rules.has_files:
            raise Refused(
                "files-not-allowed",
                "This installation writes no files: its operator has to set forward.files first.",
                field="upstream",
            )
        return region, kind.value
    origin = parse_origin(upstream)
    others = {origin for name, origin in rules.upstreams.items() if name != region}
    if origin in others and origin != rules.upstreams[region]:
        raise Refused(
            "upstream-of-other-region",
            f"{origin} is the upstream of another region than {region}: messages of a source "
            "stay in its region. Change the region or the upstream.",
            field="upstream",
        )
    return region, origin


def parse_webhook(text: str) -> str:
    """``webhook+https://HOST[:PORT]/PATH``; raises Refused."""
    url = text.strip().removeprefix(WEBHOOK_PREFIX)
    try:
        parts = urlsplit(url)
        host, is_plain = parts.hostname or "", not (parts.username or parts.fragment)
        is_webhook = parts.scheme == "https" and parts.port != 0 and is_plain
        parse_host(host)
    except ValueError:
        is_webhook = False
    if not is_webhook or not url.isascii() or len(url) > _MAX_WEBHOOK_CHARACTERS:
        raise Refused(
            "upstream-not-webhook",
            "A webhook is written webhook+https://events.example.com/path: https, a host, perhaps "
            f"a port, a path and a query, at most {_MAX_WEBHOOK_CHARACTERS} characters.",
            field="upstream",
        )
    return WEBHOOK_PREFIX + url


def parse_origin(text: str) -> str:
    """``https://HOST[:PORT]`` in lower case, without a path; raises Refused."""
    try:
        parts = urlsplit(text.strip())
        port, host = parts.port, parts.netloc.rpartition(":")[0] if parts.port else parts.netloc
    except ValueError:
        parts, port, host = urlsplit(""), None, ""
    is_origin = (
        parts.scheme in {"http", "https"}
        and _HOST.fullmatch(host)
        and parts.path in {"", "/"}
        and not parts.query
        and not parts.fragment
        and port != 0
    )
    if not is_origin:
        raise Refused(
            "upstream-not-origin",
            "The upstream is an origin such as https://events.example.com: "
            "http or https, a host, perhaps a port, and no path. "
            "It may also be webhook+https://HOST/PATH, files:ndjson or files:parquet.",
            field="upstream",
        )
    return f"{parts.scheme}://{host.lower()}" + (f":{port}" if port else "")


def parse_write_key(text: str | None) -> str:
    """The owner's write key as it is, or a new one; raises Refused."""
    if text is None:
        return random_base62(WRITE_KEY_LENGTH)
    write_key = text.strip()
    if not _WRITE_KEY.fullmatch(write_key):
        raise Refused(
            "write-key-invalid",
            "A write key has 6 to 64 letters, digits, hyphens and underscores: copy it from "
            "the source's settings, or leave it out to get a new one.",
            field="write_key",
        )
    return write_key


def parse_script_version(text: str) -> str:
    """A version of Analytics.js, or nothing for the newest; raises Refused."""
    version = text.strip()
    if not _SCRIPT_VERSION.fullmatch(version) or len(version) > MAX_VERSION:
        raise Refused(
            "script-version-invalid",
            "The version of Analytics.js is like 1.84.3; leave it empty for the newest that is "
            "installed.",
            field="script_version",
        )
    return version
