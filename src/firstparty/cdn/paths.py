"""What a path on the CDN host asks for; paths as browsers and SDKs send them, byte for byte.

Nothing is decoded or normalised: a path that is not written exactly so is not ours.
"""

import re
from dataclasses import dataclass
from typing import Final

HEALTH_PATH: Final = "/_firstparty/health"


@dataclass(frozen=True, slots=True)
class ScriptOf:
    """Analytics.js for a write key."""

    write_key: str


@dataclass(frozen=True, slots=True)
class AliasedScript:
    """Analytics.js for a source that is named by its alias."""

    alias: str


@dataclass(frozen=True, slots=True)
class SettingsOf:
    """The settings JSON of a write key."""

    write_key: str


@dataclass(frozen=True, slots=True)
class IntegrationsOf:
    """The list of destinations that consent managers ask for."""

    write_key: str


@dataclass(frozen=True, slots=True)
class BundleNamed:
    """One of Analytics.js's own chunks."""

    name: str


@dataclass(frozen=True, slots=True)
class IntegrationCode:
    """Code of a destination or middleware, which the upstream CDN alone has; the whole path."""

    path: str


@dataclass(frozen=True, slots=True)
class Health:
    """What the edge's probe asks: does this host's CDN answer."""


Wanted = (
    ScriptOf | AliasedScript | SettingsOf | IntegrationsOf | BundleNamed | IntegrationCode | Health
)

_SCRIPT: Final = re.compile(r"/analytics\.js/v1/([^/]+)/(?:platform/)?analytics\.min\.js")
_PROJECT: Final = re.compile(r"/v1/projects/([^/]+)/(settings|integrations)")
_BUNDLE: Final = re.compile(r"/analytics-next/bundles/([^/]+)")
# Segments of RFC 3986 §3.3 that mean the same to everybody: none begins with a dot, and no slash,
# backslash, dot or control character is written in percent.
_SEGMENT: Final = r"/(?!\.)(?:[\w.~!$&'()*+,;=:@-]|%(?!2[EeFf]|5[Cc]|7[Ff]|[01])[0-9A-Fa-f]{2})+"
_INTEGRATION: Final = re.compile(
    rf"/next-integrations/(?:integrations|actions|middleware)(?:{_SEGMENT}){{1,8}}", re.ASCII
)
_CODE_NAME: Final = re.compile(r"\.js(?:\.map)?(?:\.gz)?$", re.ASCII)
_MAX_CODE_PATH: Final = 512
_ALIAS: Final = re.compile(r"/([^/.]+/[^/.]+)(?:\.min)?\.js")


def parse_path(path: str) -> Wanted | None:
    """What ``path`` (without query, not decoded) asks for; None where it is nothing of ours."""
    if path == HEALTH_PATH:
        return Health()
    if path.startswith("/next-integrations/"):
        return IntegrationCode(path) if _is_code_path(path) else None
    if match := _SCRIPT.fullmatch(path):
        return ScriptOf(match[1])
    if match := _PROJECT.fullmatch(path):
        return SettingsOf(match[1]) if match[2] == "settings" else IntegrationsOf(match[1])
    for pattern, wanted in ((_BUNDLE, BundleNamed), (_ALIAS, AliasedScript)):
        if match := pattern.fullmatch(path):
            return wanted(match[1])
    return None


def _is_code_path(path: str) -> bool:
    is_name = _INTEGRATION.fullmatch(path) and _CODE_NAME.search(path)
    return is_name is not None and len(path) <= _MAX_CODE_PATH
