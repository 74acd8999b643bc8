"""Broken proxies, one for each known cause: a real TLS server whose answers have one fault."""

import gzip
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

from aiohttp import web
from multidict import CIMultiDict

from tests.fakes.proxied_origin import SETTINGS, Origin, as_json, cors

Answer = web.StreamResponse
Next = Callable[[web.BaseRequest], Awaitable[web.Response]]
Fault = Callable[[web.BaseRequest, Next], Awaitable[web.StreamResponse]]

CLOUDFLARE = {"Server": "cloudflare", "CF-RAY": "8f00-FRA"}
CLOUDFRONT = {"Server": "CloudFront", "X-Amz-Cf-Id": "abc==", "Via": "1.1 x.cloudfront.net"}
PAGE = "<!DOCTYPE html><title>Shop</title>"
ALLOW_ORIGIN = "Access-Control-Allow-Origin"


def is_settings(request: web.BaseRequest) -> bool:
    return request.path.endswith("/settings")


def is_post(request: web.BaseRequest) -> bool:
    return request.method == "POST"


def page(status: int, marks: Mapping[str, str] = MappingProxyType({})) -> web.Response:
    return web.Response(status=status, text=PAGE, content_type="text/html", headers=marks)


def always(status: int, marks: Mapping[str, str]) -> Fault:
    async def fault(_request: web.BaseRequest, _next: Next) -> web.Response:
        return page(status, marks)

    return fault


def missing(prefix: str, status: int = 404) -> Fault:
    """Paths that begin so are the site's own, with its page for what is not there."""

    async def fault(request: web.BaseRequest, go_on: Next) -> web.Response:
        return page(status) if request.path.startswith(prefix) else await go_on(request)

    return fault


async def worker_route_missing(request: web.BaseRequest, go_on: Next) -> web.Response:
    if request.path.startswith("/v1/projects"):
        return page(522, CLOUDFLARE)
    return marked(await go_on(request), CLOUDFLARE)


async def flexible_ssl(request: web.BaseRequest, _next: Next) -> web.Response:
    location = f"https://{request.host}{request.path_qs}"
    return web.Response(status=301, headers={**CLOUDFLARE, "Location": location})


async def origin_not_forwarded(request: web.BaseRequest, go_on: Next) -> web.Response:
    return marked(without(await go_on(request), ALLOW_ORIGIN), CLOUDFRONT)


def cached_without_origin() -> Fault:
    kept: dict[str, str] = {}

    async def fault(request: web.BaseRequest, go_on: Next) -> web.Response:
        response = marked(await go_on(request), CLOUDFRONT)
        if is_settings(request) and "Origin" in request.headers:
            response.headers[ALLOW_ORIGIN] = kept.setdefault(
                request.path, response.headers[ALLOW_ORIGIN]
            )
        return response

    return fault


async def cors_lost(request: web.BaseRequest, go_on: Next) -> web.Response:
    return without(await go_on(request), ALLOW_ORIGIN)


async def cors_doubled(request: web.BaseRequest, go_on: Next) -> web.Response:
    response = await go_on(request)
    response.headers.add(ALLOW_ORIGIN, "*")
    return response


async def preflight_with_star(request: web.BaseRequest, go_on: Next) -> web.Response:
    response = await go_on(request)
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Headers"] = "*"
    return response


async def authorization_dropped(request: web.BaseRequest, go_on: Next) -> web.Response:
    return await go_on(changed(request, drop="Authorization"))


async def encoding_dropped(request: web.BaseRequest, go_on: Next) -> web.Response:
    if request.headers.get("Content-Encoding") == "gzip":
        return as_json({"success": False, "code": "invalid_json"}, 400, cors(request))
    return await go_on(request)


def post_cached() -> Fault:
    kept: dict[str, bytes] = {}

    async def fault(request: web.BaseRequest, go_on: Next) -> web.Response:
        if is_post(request) and request.path in kept:
            return as_json(json.loads(kept[request.path]), 200, cors(request))
        response = await go_on(request)
        if is_post(request) and response.status == 200:
            assert isinstance(response.body, bytes)
            kept[request.path] = response.body
        return response

    return fault


async def post_cached_and_says_so(request: web.BaseRequest, go_on: Next) -> web.Response:
    marks = {"X-Cache": "Hit from cloudfront", "Age": "12"} if is_post(request) else {}
    return marked(await go_on(request), marks)


async def post_redirected(request: web.BaseRequest, go_on: Next) -> web.Response:
    if is_post(request):
        return web.Response(status=301, headers={"Location": f"https://www.x{request.path}"})
    return await go_on(request)


async def post_as_get(request: web.BaseRequest, go_on: Next) -> web.Response:
    if is_post(request) and request.path.startswith("/v1/"):
        return web.Response(status=405, text="not a POST", headers={"Allow": "POST, OPTIONS"})
    return await go_on(request)


async def post_refused(request: web.BaseRequest, go_on: Next) -> web.Response:
    if is_post(request):
        text = "This distribution is not configured to allow the HTTP request method."
        return web.Response(status=403, text=text, headers=CLOUDFRONT)
    return await go_on(request)


async def body_limited(request: web.BaseRequest, go_on: Next) -> web.Response:
    if len(await request.read()) > 100_000:
        return page(413)
    return await go_on(request)


async def query_dropped(request: web.BaseRequest, go_on: Next) -> web.Response:
    return await go_on(request.clone(rel_url=request.path))


async def twice_gzipped(request: web.BaseRequest, go_on: Next) -> web.Response:
    response = await go_on(request)
    if response.headers.get("Content-Encoding") == "gzip":
        assert isinstance(response.body, bytes)
        response.body = gzip.compress(response.body)
    return response


async def encoding_not_said(request: web.BaseRequest, go_on: Next) -> web.Response:
    return without(await go_on(request), "Content-Encoding")


async def cookies_passed_on(request: web.BaseRequest, go_on: Next) -> web.Response:
    return marked(await go_on(request), {"Set-Cookie": "sid=secret-value; Path=/"})


async def address_lost(request: web.BaseRequest, go_on: Next) -> web.Response:
    return await go_on(changed(request, drop="X-Forwarded-For"))


async def cookie_sent_on(request: web.BaseRequest, go_on: Next) -> web.Response:
    return await go_on(changed(request, Cookie="session=1"))


async def retry_after_hidden(request: web.BaseRequest, go_on: Next) -> web.Response:
    return without(await go_on(request), "Access-Control-Expose-Headers")


async def wrong_region(request: web.BaseRequest, go_on: Next) -> web.Response:
    response = await go_on(request)
    is_taken = is_post(request) and response.status == 200
    refusal = {"success": False, "message": "Invalid write key"}
    return as_json(refusal, 401, cors(request)) if is_taken else response


async def api_host_with_scheme(request: web.BaseRequest, go_on: Next) -> web.Response:
    if not is_settings(request):
        return await go_on(request)
    segment = {**SETTINGS["integrations"]["Segment.io"], "apiHost": "https://api.shop.test/v1"}
    return as_json({**SETTINGS, "integrations": {"Segment.io": segment}}, 200, cors(request))


async def kept_too_long(request: web.BaseRequest, go_on: Next) -> web.Response:
    response = await go_on(request)
    if is_settings(request):
        response.headers["Cache-Control"] = "public, max-age=31536000"
    return response


async def script_without_type(request: web.BaseRequest, go_on: Next) -> web.Response:
    response = await go_on(request)
    if request.path.endswith("analytics.min.js"):
        response.headers["Content-Type"] = "application/octet-stream"
    return response


async def taking_anything(request: web.BaseRequest, go_on: Next) -> web.Response:
    """No fault: an origin that looks at no body."""
    response = await go_on(request)
    return as_json({"success": True}, 200, cors(request)) if is_post(request) else response


async def nothing_wrong(request: web.BaseRequest, go_on: Next) -> web.Response:
    return await go_on(request)


# The cause that each must be named by. A fault that keeps state is built anew for each run.
FAULTS: Mapping[str, tuple[str, Callable[[], Fault]]] = MappingProxyType(
    {
        "Cloudflare sends Host on": ("cloudflare-host", lambda: always(403, CLOUDFLARE)),
        "Worker route missing": ("cloudflare-worker-route", lambda: worker_route_missing),
        "Cloudflare flexible SSL": ("cloudflare-flexible-ssl", lambda: flexible_ssl),
        "CloudFront sends Host on": ("cloudfront-host", lambda: always(403, CLOUDFRONT)),
        "CloudFront keeps Origin back": ("cloudfront-cors", lambda: origin_not_forwarded),
        "CloudFront caches without Origin": ("cloudfront-cors", cached_without_origin),
        "another proxy sends Host on": ("host-forwarded", lambda: always(403, {})),
        "misdirected": ("host-forwarded", lambda: always(421, {"Server": "nginx"})),
        "Authorization dropped": ("authorization-dropped", lambda: authorization_dropped),
        "Content-Encoding dropped": ("content-encoding-lost", lambda: encoding_dropped),
        "POST cached": ("post-cached", post_cached),
        "POST cached, and it says so": ("post-cached", lambda: post_cached_and_says_so),
        "POST redirected": ("post-turned-to-get", lambda: post_redirected),
        "POST sent on as GET": ("post-turned-to-get", lambda: post_as_get),
        "POST refused": ("post-not-allowed", lambda: post_refused),
        "query dropped": ("query-dropped", lambda: query_dropped),
        "body limited": ("body-too-large", lambda: body_limited),
        "page as script": ("html-as-script", lambda: missing("/analytics.js", status=200)),
        "script of no type": ("script-not-proxied", lambda: script_without_type),
        "settings missing": ("settings-not-proxied", lambda: missing("/v1/projects")),
        "settings are a page": ("settings-not-proxied", lambda: missing("/v1/projects", 200)),
        "bundles missing": ("bundles-not-proxied", lambda: missing("/analytics-next")),
        "next-integrations missing": (
            "next-integrations-not-proxied",
            lambda: missing("/next-integrations"),
        ),
        "an API path missing": ("api-not-proxied", lambda: missing("/v1/import")),
        "CORS lost": ("cors-missing", lambda: cors_lost),
        "CORS doubled": ("cors-doubled", lambda: cors_doubled),
        "preflight allows *": ("cors-authorization", lambda: preflight_with_star),
        "gzip twice": ("double-gzip", lambda: twice_gzipped),
        "gzip not said": ("content-encoding-missing", lambda: encoding_not_said),
        "cookies": ("cookies-set", lambda: cookies_passed_on),
        "client IP lost": ("client-ip-lost", lambda: address_lost),
        "cookies passed on": ("cookies-passed-on", lambda: cookie_sent_on),
        "Retry-After hidden": ("retry-after-hidden", lambda: retry_after_hidden),
        "wrong region": ("wrong-region", lambda: wrong_region),
        "apiHost with scheme": ("api-host-scheme", lambda: api_host_with_scheme),
        "settings kept": ("settings-kept-too-long", lambda: kept_too_long),
        "origin down": ("origin-failed", lambda: always(502, {"Server": "nginx"})),
    }
)


def marked(response: web.Response, marks: Mapping[str, str]) -> web.Response:
    response.headers.update(marks)
    return response


def without(response: web.Response, name: str) -> web.Response:
    response.headers.popall(name, None)
    return response


def changed(request: web.BaseRequest, *, drop: str = "", **added: str) -> web.BaseRequest:
    headers = CIMultiDict(request.headers)
    headers.popall(drop, None)
    headers.update(added)
    return request.clone(headers=headers)


@asynccontextmanager
async def run_proxy(fault: Fault, tls: ssl.SSLContext, origin: Origin) -> AsyncIterator[int]:
    """A proxy with this fault, its origin built in; its port."""

    async def go_on(request: web.BaseRequest) -> web.Response:
        response = await origin.handle(request)
        assert isinstance(response, web.Response)
        return response

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        # As every proxy should: the visitor's address, and no cookies.
        tidied = {"X-Forwarded-For": "127.0.0.1"}
        return await fault(changed(request, drop="Cookie", **tidied), go_on)

    runner = web.ServerRunner(web.Server(handle, access_log=None), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
