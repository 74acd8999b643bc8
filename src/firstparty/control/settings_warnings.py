"""What becomes of stored settings on their way to a browser, and what looks wrong in them. Pure.

Nothing here refuses: an owner is told, and the settings are stored as they are.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from firstparty.model.workspaces import Source

_SEGMENT: Final = "Segment.io"
_HOST: Final = re.compile(r"[\w.:-]{1,253}", re.ASCII)
_SEGMENT_CDNS: Final = frozenset({"cdn.segment.com", "cdn.segment.build"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsWarning:
    """``path`` is the place in the settings; ``sentence`` says what to know about it."""

    path: str
    sentence: str


def find_warnings(source: Source, upstreams: Mapping[str, str]) -> tuple[SettingsWarning, ...]:
    """What the owner of a source should know of its settings; ``upstreams`` is by region."""
    settings = source.settings
    if not settings:
        return ()
    found = [*_of_segment(source, upstreams), *_of_plugins(settings.get("remotePlugins", []))]
    if host := _host_of(_object(settings.get("edgeFunction")).get("downloadURL")):
        found.append(
            _warn(
                "edgeFunction.downloadURL",
                f"Stays as it is: apps with edge functions load them from {host}, not through the "
                "domain. Analytics.js in a browser does not ask for it.",
            )
        )
    if "host" in _object(settings.get("metrics")):
        found.append(_warn("metrics.host", "Replaced by the domain's API host when served."))
    return tuple(found)


def _of_segment(source: Source, upstreams: Mapping[str, str]) -> Iterator[SettingsWarning]:
    path = f'integrations["{_SEGMENT}"]'
    integrations = source.settings.get("integrations")
    if not isinstance(integrations, Mapping):
        yield _warn("integrations", f"No object: served with nothing but {_SEGMENT} in it.")
        return
    segment = integrations.get(_SEGMENT)
    if segment is False:
        yield _warn(path, "false: browsers send no events at all to this source.")
        return
    if not isinstance(segment, Mapping):
        yield _warn(path, "Absent: created when served, with the write key and the API host.")
        return
    if segment.get("apiKey", source.write_key) != source.write_key:
        yield _warn(
            f"{path}.apiKey",
            "Another write key than the source's: are these the settings of another source?",
        )
    if "apiHost" in segment:
        yield _warn(f"{path}.apiHost", "Replaced by the domain's API host when served.")
        yield from _of_region(f"{path}.apiHost", segment["apiHost"], source, upstreams)


def _of_region(
    path: str, api_host: object, source: Source, upstreams: Mapping[str, str]
) -> Iterator[SettingsWarning]:
    named = str(api_host).partition("/")[0].lower()
    hosts = {region: urlsplit(origin).netloc for region, origin in upstreams.items()}
    regions = [region for region, host in hosts.items() if host == named]
    if regions and source.region not in regions:
        yield _warn(
            path,
            f"It names the region {regions[0]}, and the source's is {source.region}: "
            f"its messages go to {source.upstream}.",
        )


def _of_plugins(plugins: object) -> Iterator[SettingsWarning]:
    if not isinstance(plugins, list):
        yield _warn("remotePlugins", "No array: served as an empty one.")
        return
    for index, plugin in enumerate(plugins):
        url = _object(plugin).get("url")
        host = _host_of(url)
        if host in _SEGMENT_CDNS:
            yield _warn(f"remotePlugins[{index}].url", "Its host is replaced by the CDN host.")
        elif host:
            yield _warn(
                f"remotePlugins[{index}].url",
                f"Stays as it is: browsers load this from {host}, not through the domain.",
            )


def _host_of(url: object) -> str:
    """The host of a URL; empty where it has none that can be shown as it is."""
    if not isinstance(url, str):
        return ""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return host if _HOST.fullmatch(host) else ""


def _warn(path: str, sentence: str) -> SettingsWarning:
    return SettingsWarning(path=path, sentence=sentence)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
