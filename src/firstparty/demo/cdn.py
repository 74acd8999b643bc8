"""The CDN half of the demo's upstream: settings, and a destination of each kind, all made up.

It counts what is fetched from it, so that a mirror in front can be checked.
"""

import base64
import gzip
import hashlib
from collections import Counter
from types import MappingProxyType
from typing import Any, Final

import msgspec
from aiohttp import web

NO_SUCH_PATH: Final = "Cannot GET - Invalid path or write key provided."
CLASSIC: Final = "/next-integrations/integrations/tiny-tracker/1.0.0/tiny-tracker.dynamic.js.gz"
SHARED: Final = "/next-integrations/integrations/vendor/shared.0a1b2c3d4e5f.js"
ACTION: Final = "/next-integrations/actions/tiny-action/0a1b2c3d4e5f6071.js"
MIDDLEWARE: Final = "/next-integrations/middleware/tiny-middleware/latest/tiny-middleware.js.gz"

_CLASSIC_CODE: Final = """\
window["tiny-trackerDeps"] = ["/integrations/vendor/shared.0a1b2c3d4e5f.js"];
window["tiny-trackerLoader"] = function () {
  function TinyTracker() { this.listeners = {}; }
  TinyTracker.prototype.name = "Tiny Tracker";
  TinyTracker.prototype.on = TinyTracker.prototype.once = function (event, listener) {
    this.listeners[event] = listener;
  };
  TinyTracker.prototype.initialize = function () {
    var listeners = this.listeners;
    setTimeout(function () { listeners.initialize(); listeners.ready(); });
  };
  TinyTracker.prototype.invoke = function (kind) { window.tinyShared.push("classic " + kind); };
  window["tiny-trackerIntegration"] = TinyTracker;
};
"""
_ACTION_CODE: Final = """\
window.tinyActionDestination = function () {
  return [{
    name: "Tiny Action tell", type: "destination", version: "1.0.0",
    isLoaded: function () { return true; },
    load: function () { return Promise.resolve(); },
    page: function (context) {
      (window.tinyActions = window.tinyActions || []).push("action page");
      return context;
    },
  }];
};
"""
_MIDDLEWARE_CODE: Final = """\
window["tiny-middlewareMiddleware"] = function (call) {
  window.tinyMiddleware = true;
  call.next(call.payload);
};
"""
_NAMES: Final = ("tiny-tracker", "tiny-action", "tiny-middleware")


def obfuscate(path: str) -> str:
    """The path with its name as browsers write it for sites that load with ``obfuscate``."""
    for name in _NAMES:
        path = path.replace(name, base64.b64encode(name.encode()).decode().rstrip("="))
    return path


_CODE: Final = MappingProxyType(
    {
        CLASSIC: _CLASSIC_CODE,
        f"{SHARED}.gz": "window.tinyShared = window.tinyShared || [];\n",
        ACTION: _ACTION_CODE,
        MIDDLEWARE: _MIDDLEWARE_CODE,
    }
)
_FILES: Final = {**_CODE, **{obfuscate(path): text for path, text in _CODE.items()}}


class DemoCdn:
    """Settings of every write key, and the code of the destinations in them."""

    def __init__(self) -> None:
        self.fetched: Counter[str] = Counter()

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Take the paths of a CDN."""
        router.add_get("/_fetched", self.show_fetched)
        router.add_get("/v1/projects/{key}/settings", self.settings)
        router.add_get("/v1/projects/{key}/integrations", self.integrations)
        router.add_get("/next-integrations/{rest:.*}", self.code)

    async def show_fetched(self, _request: web.Request) -> web.StreamResponse:
        """How often each path was asked for."""
        return web.json_response(self.fetched)

    async def settings(self, request: web.Request) -> web.StreamResponse:
        """The settings of a source, as this upstream's CDN has them."""
        self.fetched[request.path] += 1
        body = msgspec.json.encode(_settings(request.match_info["key"], f"{request.host}/v1"))
        return _answer(request, body, "application/json", "public, max-age=60")

    async def integrations(self, request: web.Request) -> web.StreamResponse:
        """The list of the source's destinations."""
        self.fetched[request.path] += 1
        names = ("Tiny Tracker", "Tiny Action")
        body = msgspec.json.encode([{"name": name, "creationName": name} for name in names])
        return _answer(request, body, "application/json", "public, max-age=60")

    async def code(self, request: web.Request) -> web.StreamResponse:
        """The code of a destination."""
        self.fetched[request.path] += 1
        text = _FILES.get(request.path)
        if text is None:
            return web.Response(status=404, text=NO_SUCH_PATH)
        body = text.encode()
        is_gz_name = request.path.endswith(".gz")
        if is_gz_name:
            body = gzip.compress(body, mtime=0)
        caching = "public, max-age=31536000, immutable"
        answer = _answer(request, body, "application/javascript", caching)
        if is_gz_name and answer.status == 200:  # noqa: PLR2004
            answer.headers["Content-Encoding"] = "gzip"
        return answer


def _answer(request: web.Request, body: bytes, content_type: str, caching: str) -> web.Response:
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {"ETag": etag, "Access-Control-Allow-Origin": "*", "Cache-Control": caching}
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, content_type=content_type, headers=headers)


def _settings(write_key: str, api_base: str) -> dict[str, Any]:
    return {
        "integrations": {
            "Segment.io": {
                "apiKey": write_key,
                "apiHost": api_base,
                "unbundledIntegrations": [],
                "addBundledMetadata": True,
                "maybeBundledConfigIds": {},
                "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
            },
            "Tiny Tracker": {
                "type": "browser",
                "bundlingStatus": "bundled",
                "versionSettings": {"version": "1.0.0", "componentTypes": ["browser"]},
            },
        },
        "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}},
        "edgeFunction": {},
        "analyticsNextEnabled": True,
        "middlewareSettings": {},
        "enabledMiddleware": {"@segment/tiny-middleware": True},
        "metrics": {"sampleRate": 0.1, "host": api_base},
        "legacyVideoPluginsEnabled": False,
        "remotePlugins": [
            {
                "name": "Tiny Action",
                "creationName": "Tiny Action",
                "libraryName": "tinyActionDestination",
                "url": f"https://cdn.segment.com{ACTION}",
                "settings": {"subscriptions": []},
            }
        ],
    }
