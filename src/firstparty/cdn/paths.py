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
class Health:
    """What the edge's probe asks: does this host's CDN answer."""


Wanted = ScriptOf | AliasedScript | SettingsOf | IntegrationsOf | BundleNamed | Health

_SCRIPT: Final = re.compile(r"/analytics\.js/v1/([^/]+)/(?:platform/)?analytics\.min\.js")
_PROJECT: Final = re.compile(r"/v1/projects/([^/]+)/(settings|integrations)")
_BUNDLE: Final = re.compile(r"/analytics-next/bundles/([^/]+)")
_ALIAS: Final = re.compile(r"/([^/.]+/[^/.]+)(?:\.min)?\.js")


def parse_path(path: str) -> Wanted | None:
    """What ``path`` (without query, not decoded) asks for; None where it is nothing of ours.

    ``/next-integrations/`` (device-mode destinations) is not served from here yet (issue 4).
    """
    if path == HEALTH_PATH:
        return Health()
    if match := _SCRIPT.fullmatch(path):
        return ScriptOf(match[1])
    if match := _PROJECT.fullmatch(path):
        return SettingsOf(match[1]) if match[2] == "settings" else IntegrationsOf(match[1])
    if match := _BUNDLE.fullmatch(path):
        return BundleNamed(match[1])
    if match := _ALIAS.fullmatch(path):
        return AliasedScript(match[1])
    return None
