"""What the demo's visitors and servers send through the edge, and whether it arrived."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from firstparty.demo.report import DemoReport

_TYPES: Final = ("page", "track", "identify")
_MESSAGES: Final = {
    source: tuple(f"demo-{source}-{type_}" for type_ in _TYPES)
    for source in ("javascript", "python", "node")
}


async def check_edge(port: int) -> None:
    """Raise OSError unless the edge accepts connections."""
    async with asyncio.timeout(1):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await writer.wait_closed()


class Edge:
    """HTTPS to the demo's edge, whatever the machine's resolver says of the hosts."""

    def __init__(self, client: httpx.AsyncClient, port: int) -> None:
        self._client = client
        self._port = port

    async def send(
        self, method: str, url: str, *, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> httpx.Response:
        """One request; name, SNI and certificate check are those of ``url``, the address ours."""
        host = httpx.URL(url).host
        return await self._client.request(
            method,
            httpx.URL(url).copy_with(host="127.0.0.1"),
            headers={"host": f"{host}:{self._port}", **(headers or {})},
            content=body,
            extensions={"sni_hostname": host},
        )


@asynccontextmanager
async def open_edge(report: DemoReport) -> AsyncIterator[Edge]:
    """A client that trusts the demo's CA and nothing else."""
    trust = ssl.create_default_context(cafile=str(report.ca))
    # To the client all hosts are one address: a kept connection would be used for another host.
    alone = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(verify=trust, timeout=10, limits=alone) as client:
        yield Edge(client, report.ports.https)


async def load_script(edge: Edge, domain: dict[str, Any]) -> str:
    """What is wrong with the CDN host; empty when script, alias and settings are right."""
    web = _source(domain, "javascript")
    for url in (web["script_url"], web["alias_url"]):
        script = await edge.send("GET", url)
        if script.status_code != 200 or web["write_key"] not in script.text:  # noqa: PLR2004
            return f"{url} answered {script.status_code}, not this source's Analytics.js"
        if "https://cdn.segment.com" in script.text:
            return f"{url} still has the default CDN in it"
    origin = web["script_url"].partition("/analytics.js/")[0]
    settings = await edge.send("GET", f"{origin}/v1/projects/{web['write_key']}/settings")
    host = settings.json().get("integrations", {}).get("Segment.io", {}).get("apiHost", "")
    if not host.startswith(domain["api_host"]):
        return f"the settings name the API host {host!r}, not {domain['api_host']}"
    return ""


async def check_default_hosts(edge: Edge, domain: dict[str, Any], service: dict[str, str]) -> str:
    """What is wrong with the service domain's own hosts; empty when they serve every source."""
    web = _source(domain, "javascript")
    port = httpx.URL(web["script_url"]).port
    cdn, api, console = (
        f"https://{service[name]}:{port}" for name in ("cdn_host", "api_host", "console_host")
    )
    try:
        for source in domain["sources"]:
            settings = await edge.send("GET", f"{cdn}/v1/projects/{source['write_key']}/settings")
            if service["api_host"] not in settings.text:
                return f"{cdn} does not serve the source {source['name']} yet"
        preflight = await edge.send("OPTIONS", f"{api}/v1/batch", headers={"origin": cdn})
        health = await edge.send("GET", f"{console}/healthz")
    except httpx.HTTPError as error:
        return f"the service domain's hosts do not answer yet: {type(error).__name__}"
    if not (preflight.is_success and health.is_success):
        return f"{api} answered {preflight.status_code}, {console} {health.status_code}"
    return ""


async def send_messages(edge: Edge, domain: dict[str, Any]) -> str:
    """Send as a browser, a Python server and a Node server do; what was refused, or nothing."""
    port = httpx.URL(_source(domain, "javascript")["script_url"]).port
    api = f"https://{domain['api_host']}:{port}"
    for type_, names in _MESSAGES.items():
        source = _source(domain, type_)
        messages = [
            _message(kind, name, source["write_key"])
            for kind, name in zip(_TYPES, names, strict=True)
        ]
        send = _send_as_browser if type_ == "javascript" else _send_as_server
        for answer in await send(edge, api, source["write_key"], messages):
            if answer.status_code != 200 or answer.json() != {"success": True}:  # noqa: PLR2004
                return f"{answer.url.path} answered {answer.status_code}: {answer.text}"
    return ""


def find_missing(received: Path) -> set[str]:
    """The ids of the messages above that the upstream does not have yet."""
    lines = received.read_text().splitlines() if received.exists() else []
    there = {json.loads(line)["message"].get("messageId") for line in lines}
    return {name for names in _MESSAGES.values() for name in names} - there


async def _send_as_browser(
    edge: Edge, api: str, write_key: str, messages: list[dict[str, Any]]
) -> list[httpx.Response]:
    """One request a message, as text/plain with an Origin, as Analytics.js does."""
    headers = {
        "content-type": "text/plain",
        "origin": "https://www.shop.test",
        "authorization": _basic(write_key),
    }
    return [
        await edge.send(
            "POST",
            f"{api}/v1/{message['type'][0]}",
            headers=headers,
            body=json.dumps(message).encode(),
        )
        for message in messages
    ]


async def _send_as_server(
    edge: Edge, api: str, write_key: str, messages: list[dict[str, Any]]
) -> list[httpx.Response]:
    """One batch, authenticated by header."""
    headers = {"content-type": "application/json", "authorization": _basic(write_key)}
    body = json.dumps({"batch": messages}).encode()
    return [await edge.send("POST", f"{api}/v1/batch", headers=headers, body=body)]


def _message(kind: str, name: str, write_key: str) -> dict[str, Any]:
    message = {
        "type": kind,
        "messageId": name,
        "userId": "demo-visitor",
        "writeKey": write_key,
        "context": {"library": {"name": "firstparty-demo", "version": "1"}},
    }
    match kind:
        case "track":
            message |= {"event": "Order Completed", "properties": {"total": 42}}
        case "page":
            message |= {"name": "Home", "properties": {"path": "/"}}
        case _:
            message |= {"traits": {"plan": "demo"}}
    return message


def _source(domain: dict[str, Any], type_: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in domain["sources"] if one["type"] == type_)
    return found


def _basic(write_key: str) -> str:
    return "Basic " + base64.b64encode(f"{write_key}:".encode()).decode()
