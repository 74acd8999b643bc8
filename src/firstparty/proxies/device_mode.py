"""Destinations that a proxy does not cover: their vendor's own script runs in the browser.

The rule is that of Analytics.js (``isInstallableIntegration`` in its ajs-destination plugin).
"""

from collections.abc import Mapping
from typing import Any


def list_device_mode(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the destinations in a source's settings JSON that run in the browser, sorted.

    Action destinations always load their own code through the CDN host; whether they then go to a
    vendor is the plugin's affair, so they are all listed.
    """
    integrations = settings.get("integrations")
    classic = integrations if isinstance(integrations, Mapping) else {}
    plugins = settings.get("remotePlugins")
    actions = plugins if isinstance(plugins, list) else []
    names = {str(name) for name, options in classic.items() if _is_in_browser(str(name), options)}
    names |= {
        str(plugin.get("creationName") or plugin.get("name"))
        for plugin in actions
        if isinstance(plugin, Mapping) and (plugin.get("creationName") or plugin.get("name"))
    }
    return tuple(sorted(names))


def _is_in_browser(name: str, options: Any) -> bool:
    if name.startswith("Segment") or name == "Iterable" or not isinstance(options, Mapping):
        return False
    version = options.get("versionSettings")
    types = version.get("componentTypes") if isinstance(version, Mapping) else None
    has_browser = isinstance(types, list) and "browser" in types
    is_bundled = options.get("bundlingStatus") != "unbundled"
    return is_bundled and (options.get("type") == "browser" or has_browser)
