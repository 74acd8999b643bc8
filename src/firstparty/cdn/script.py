"""Analytics.js as one source gets it: the npm package's own file with three literals replaced.

Replacing them is what keeps every later request first-party, also with an aliased path and a
renamed global: the stock file freezes its CDN base before it knows the global's name.
"""

import json
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from firstparty.errors import Refused

WRITE_KEY: Final = "__WRITE_KEY__"
CDN_ORIGIN: Final = "https://cdn.segment.com"
API_BASE: Final = "api.segment.io/v1"

# How often each is in dist/umd/standalone.js. Another count means that this version finds its
# hosts in another way, and that serving it patched could send a visitor's events elsewhere.
COUNTS: Final = MappingProxyType({WRITE_KEY: 1, CDN_ORIGIN: 3, API_BASE: 1})

# Where the library is told at run time, a variable takes the place of this whole literal.
QUOTED_API_BASE: Final = f'"{API_BASE}"'

_LITERALS: Final = re.compile("|".join(re.escape(literal) for literal in COUNTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class StandaloneScript:
    """``dist/umd/standalone.js`` of one version, known to be patchable."""

    version: str
    text: str


def parse_script(raw: bytes, *, version: str) -> StandaloneScript:
    """Check the counts of ``raw``; Refused, naming the version and the literal, if they differ."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Refused(
            "unknown-script", f"@segment/analytics-next {version}: standalone.js is not UTF-8."
        ) from error
    for literal, wanted in (COUNTS | {QUOTED_API_BASE: 1}).items():
        if (found := text.count(literal)) != wanted:
            raise Refused(
                "unknown-script",
                f"@segment/analytics-next {version}: standalone.js has {literal!r} {found} times "
                f"instead of {wanted}. This version cannot be served first-party; install the "
                "version of package-lock.json with: npm ci",
            )
    return StandaloneScript(version=version, text=text)


def patch_script(
    script: StandaloneScript, *, write_key: str, cdn_origin: str, api_base: str
) -> bytes:
    """The script for one source of one domain.

    ``cdn_origin`` is an origin (``https://evs.example.com``); ``api_base`` has no scheme and ends
    in ``/v1``. Each literal stands inside a JavaScript string, and the values are escaped for it.
    """
    values = {
        WRITE_KEY: escape(write_key),
        CDN_ORIGIN: escape(cdn_origin),
        API_BASE: escape(api_base),
    }
    return _LITERALS.sub(lambda match: values[match[0]], script.text).encode()


def escape(text: str) -> str:
    """``text`` for the inside of a double-quoted JavaScript string."""
    return json.dumps(text)[1:-1].replace("<", "\\u003c")
