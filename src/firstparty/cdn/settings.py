"""The settings JSON of a source, rewritten in place so that what follows stays first-party.

The object is Segment's and declared unstable by them: only the named places are touched, and
every key that we do not know is handed on as it is.
"""

from collections.abc import Mapping
from typing import Any, Final

SEGMENT: Final = "Segment.io"
_SEGMENT_CDNS: Final = ("https://cdn.segment.com/", "https://cdn.segment.build/")


def build_default_settings(write_key: str) -> dict[str, Any]:
    """Settings of a source that has none stored: no destinations, no tracking plan, no metrics."""
    return {
        "integrations": {
            SEGMENT: {
                "apiKey": write_key,
                "unbundledIntegrations": [],
                "addBundledMetadata": True,
                "maybeBundledConfigIds": {},
                "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
            }
        },
        "plan": {},
        "edgeFunction": {},
        "analyticsNextEnabled": True,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "legacyVideoPluginsEnabled": False,
        "remotePlugins": [],
    }


def rewrite_settings(
    settings: Mapping[str, Any], *, write_key: str, cdn_origin: str, api_base: str
) -> dict[str, Any]:
    """``settings`` with our hosts in them; the argument stays as it is.

    Empty settings become the defaults. ``api_base`` has no scheme and ends in ``/v1``. What is
    absent is created; what has the wrong JSON type for a place that must be ours is replaced.
    """
    settings = settings or build_default_settings(write_key)
    integrations = _object(settings.get("integrations"))
    metrics = _object(settings.get("metrics"))
    rewritten = {
        **settings,
        "integrations": {
            **integrations,
            SEGMENT: _rewrite_segment(integrations.get(SEGMENT), write_key, api_base),
        },
        "metrics": {**metrics, "host": api_base},
    }
    if "remotePlugins" in settings:
        plugins = settings["remotePlugins"]
        rewritten["remotePlugins"] = [
            _rewrite_plugin(plugin, cdn_origin)
            for plugin in (plugins if isinstance(plugins, list) else [])
        ]
    return rewritten


def list_integrations(settings: Mapping[str, Any]) -> list[dict[str, str]]:
    """What consent managers list: one entry a destination, never Segment itself."""
    classic = [name for name in _object(settings.get("integrations")) if name != SEGMENT]
    plugins = settings.get("remotePlugins")
    named = {name: name for name in classic}
    for plugin in plugins if isinstance(plugins, list) else []:
        facts = _object(plugin)
        creation_name = facts.get("creationName", facts.get("name"))
        if isinstance(creation_name, str) and creation_name != SEGMENT:
            named.setdefault(creation_name, creation_name)
    return [
        {"name": name, "creationName": name, "description": "", "category": "", "website": ""}
        for name in named
    ]


def _rewrite_segment(there: Any, write_key: str, api_base: str) -> Any:
    if there is False:  # the owner switched it off: no events at all, so none elsewhere
        return False
    return {"apiKey": write_key, **_object(there), "apiHost": api_base}


def _rewrite_plugin(plugin: Any, cdn_origin: str) -> Any:
    url = _object(plugin).get("url")
    if not isinstance(url, str):
        return plugin
    for segment_cdn in _SEGMENT_CDNS:
        if url.startswith(segment_cdn):
            return {**plugin, "url": f"{cdn_origin}/{url.removeprefix(segment_cdn)}"}
    return plugin


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
