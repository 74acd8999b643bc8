"""The requests of a check, by name: what is asked first, and what follows from an answer (pure).

Names are ``side.what``. What follows another request is built from its answer, or not at all.
"""

import base64
import gzip
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from firstparty.outbound.http import Request, Response, Unreached
from firstparty.proxies.bodies import inflate, parse_object
from firstparty.proxies.target import Place, Target

Seen = Mapping[str, Response | Unreached]
MESSAGE_ID_PREFIX: Final = "firstparty-check-"
ORIGIN: Final = "https://proxy-check.example"
OTHER_ORIGIN: Final = "https://proxy-check-2.example"
NO_KEY: Final = "firstparty-check-no-key"  # asked for where no write key was given
BROWSER_CALLS: Final = ("t", "p", "i", "g", "a", "s", "b")
SERVER_CALLS: Final = (
    "batch", "import", "track", "identify", "page", "screen", "group", "alias",
)  # fmt: skip
_USER_AGENT: Final = ("User-Agent", "firstparty-proxy-check")
_ASKS_GZIP: Final = ("Accept-Encoding", "gzip")
_JSON: Final = ("Content-Type", "application/json")
_PREFLIGHT: Final = (
    ("Origin", ORIGIN),
    ("Access-Control-Request-Method", "POST"),
    ("Access-Control-Request-Headers", "authorization,x-retry-count"),
)
_BUNDLE_MAP: Final = re.compile(r'"\.bundle\."\+\{[^}]*?(\w+):"([0-9a-f]{8,40})"')
_BUNDLE_NAMES: Final = re.compile(r'\{([^{}]*)\}\[\w+\]\|\|\w+\)\+"\.bundle\."')
_BROKEN_JSON: Final = b'{"firstparty-check'
# SDKs send batches of up to 500 KB.
_LARGE: Final = _BROKEN_JSON + b" " * 490_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request. ``build`` sees the answers to ``after``; None where nothing is to be asked."""

    name: str
    after: tuple[str, ...] = ()
    build: Callable[[Seen], Request | None]


def list_steps(target: Target, *, nonce: str) -> tuple[Step, ...]:
    """Every request of a check. ``nonce`` makes the test messages' ids unique."""
    steps = [*_cdn_steps(target)]
    if target.api is not None:
        steps += _api_steps(target.api)
        if target.write_key is not None:
            steps += _message_steps(target.api, target.write_key, nonce)
    return tuple(steps)


def _cdn_steps(target: Target) -> tuple[Step, ...]:
    key = target.write_key or NO_KEY
    settings = f"/v1/projects/{key}/settings"

    def get(path: str, *headers: tuple[str, str]) -> Request:
        return _get(target.cdn, path, headers)

    def bundle(seen: Seen) -> Request | None:
        name = find_bundle(_body(seen["cdn.script"]))
        return get(f"/analytics-next/bundles/{name}") if name else None

    def destination(seen: Seen) -> Request | None:
        path = find_destination(parse_object(_body(seen["cdn.settings"])))
        return get(path or "/next-integrations/integrations/firstparty-check.js")

    return (
        _fixed("cdn.script", get(f"/analytics.js/v1/{key}/analytics.min.js")),
        _fixed("cdn.settings", get(settings)),
        Step(name="cdn.bundle", after=("cdn.script",), build=bundle),
        Step(name="cdn.destination", after=("cdn.settings",), build=destination),
        # One after the other: an answer that a cache kept without regard to the Origin shows.
        Step(
            name="cdn.settings-origin",
            after=("cdn.settings",),
            build=lambda _: get(settings, ("Origin", ORIGIN)),
        ),
        Step(
            name="cdn.settings-other-origin",
            after=("cdn.settings-origin",),
            build=lambda _: get(settings, ("Origin", OTHER_ORIGIN)),
        ),
    )


def _api_steps(api: Place) -> tuple[Step, ...]:
    preflights = (
        _fixed(f"api.preflight-{call}", _request(api, "OPTIONS", f"/{call}", _PREFLIGHT))
        for call in BROWSER_CALLS
    )
    broken = (
        _fixed(f"api.broken-{call}", _post(api, f"/{call}", _BROKEN_JSON, (_JSON,)))
        for call in (*BROWSER_CALLS, *SERVER_CALLS)
    )
    from_page = _post(api, "/t", _BROKEN_JSON, (("Origin", ORIGIN), ("Content-Type", "text/plain")))
    pixel = _request(api, "GET", "/pixel/track?data=e30", (("Accept", "image/*"),))
    # An origin that is Firstparty says what of this arrived.
    tells = (*_PREFLIGHT, ("Firstparty-Check", api.host), ("Cookie", "firstparty-check=1"))
    query = _request(api, "OPTIONS", "/pixel/track?firstparty-check=1", tells)
    return (
        *preflights,
        *broken,
        _fixed("api.broken-from-page", from_page),
        _fixed("api.pixel", pixel),
        _fixed("api.query", query),
        _fixed("api.large", _post(api, "/batch", _LARGE, (_JSON,))),
        Step(name="api.plain", build=lambda _: _ask_plainly(api)),
    )


def _ask_plainly(api: Place) -> Request | None:
    """What an SDK sends that was told http:// instead of https://."""
    if api.plain_port is None:
        return None
    return replace(_post(api, "/t", _BROKEN_JSON, (_JSON,)), port=api.plain_port, is_tls=False)


def _message_steps(api: Place, write_key: str, nonce: str) -> tuple[Step, ...]:
    """The test messages: the write key in the body, in the header alone, and gzipped."""
    basic = base64.b64encode(f"{write_key}:".encode()).decode()
    authorization = ("Authorization", f"Basic {basic}")
    keyed = json.dumps(_message("body", nonce) | {"writeKey": write_key}).encode()
    batch = json.dumps({"batch": [_message("header", nonce)]}).encode()
    packed = gzip.compress(
        json.dumps({"batch": [_message("gzip", nonce)], "writeKey": write_key}).encode(), mtime=0
    )
    zipped = ("Content-Encoding", "gzip")
    return (
        _fixed("api.message-body", _post(api, "/track", keyed, (_JSON,))),
        _fixed("api.message-header", _post(api, "/batch", batch, (_JSON, authorization))),
        _fixed("api.message-gzip", _post(api, "/batch", packed, (_JSON, zipped))),
        Step(
            name="api.broken-after",
            after=("api.message-body",),
            build=lambda _: _post(api, "/track", _BROKEN_JSON, (_JSON,)),
        ),
    )


def _message(name: str, nonce: str) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Proxy check",
        "anonymousId": "firstparty-check",
        "messageId": f"{MESSAGE_ID_PREFIX}{nonce}-{name}",
        "properties": {"carried": name},
    }


def find_bundle(script: bytes) -> str | None:
    """The file name of one of the script's own chunks, as its loader builds it."""
    text = script.decode("utf-8", "replace")
    chunk = _BUNDLE_MAP.search(text)
    if chunk is None:
        return None
    names = _BUNDLE_NAMES.search(text)
    name = names and re.search(rf'\b{chunk[1]}:"([\w-]+)"', names[1])
    return f"{name[1] if name else chunk[1]}.bundle.{chunk[2]}.js"


def find_destination(settings: dict[str, Any] | None) -> str | None:
    """The path of a destination that these settings make a browser load, if there is one."""
    integrations = (settings or {}).get("integrations")
    for name, facts in (integrations if isinstance(integrations, dict) else {}).items():
        if isinstance(facts, dict) and (path := _classic_path(name, facts)):
            return path
    plugins = (settings or {}).get("remotePlugins")
    for plugin in plugins if isinstance(plugins, list) else ():
        url = plugin.get("url") if isinstance(plugin, dict) else None
        if isinstance(url, str) and "/next-integrations/" in url and url.isascii():
            path = "/next-integrations/" + url.partition("/next-integrations/")[2]
            if re.fullmatch(r"[!-~]{1,500}", path):
                return path
    return None


def _classic_path(name: str, facts: dict[str, Any]) -> str | None:
    """Where Analytics.js loads this destination from, where it runs in the browser at all."""
    versions = facts.get("versionSettings")
    versions = versions if isinstance(versions, dict) else {}
    kinds = versions.get("componentTypes")
    is_browser = facts.get("type") == "browser" or (isinstance(kinds, list) and "browser" in kinds)
    is_loaded = is_browser and facts.get("bundlingStatus") != "unbundled"
    if not is_loaded or name.startswith("Segment") or name == "Iterable":
        return None
    plain = re.sub(r"\s+", "-", name.lower().replace(".", "", 1))
    version = versions.get("override") or versions.get("version") or "latest"
    path = f"/next-integrations/integrations/{plain}/{version}/{plain}.dynamic.js.gz"
    return path if re.fullmatch(r"[!-~]{1,500}", path) else None


def _fixed(name: str, request: Request) -> Step:
    return Step(name=name, build=lambda _: request)


def _body(answer: Response | Unreached) -> bytes:
    return inflate(answer) if isinstance(answer, Response) else b""


def _get(place: Place, path: str, headers: tuple[tuple[str, str], ...]) -> Request:
    return _request(place, "GET", path, (_ASKS_GZIP, *headers))


def _post(place: Place, path: str, body: bytes, headers: tuple[tuple[str, str], ...]) -> Request:
    return _request(place, "POST", path, headers, body)


def _request(
    place: Place, method: str, path: str, headers: tuple[tuple[str, str], ...], body: bytes = b""
) -> Request:
    return Request(
        method=method,
        host=place.host,
        port=place.port,
        target=place.prefix + path,
        headers=(_USER_AGENT, *headers),
        body=body,
    )
