"""Asks both hosts over HTTPS, at each address of the edge, as a browser would: SNI and Host right.

Certificates are verified, redirects are not followed, bodies are bounded.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import aiohttp
import msgspec

from firstparty.config.addresses import Address
from firstparty.model.hosts import PROBE_AGENT
from firstparty.reconciler.probed import (
    ON_API_HOST,
    Check,
    HostAnswer,
    HostsAnswer,
    ProbeTarget,
)
from firstparty.reconciler.trust import Trust

_TIMEOUT: Final = aiohttp.ClientTimeout(total=8, connect=3)
_MAX_SETTINGS_BYTES: Final = 2 * 1024 * 1024
_MAX_HEALTH_BYTES: Final = 64 * 1024
_JSON: Final = frozenset({Check.SETTINGS, Check.MESSAGE})


class _Health(msgspec.Struct, frozen=True):
    refused: tuple[str, ...] = ()


class HttpsEdgeProbe:
    """An EdgeProbe over real connections."""

    def __init__(self, addresses: Sequence[Address], trust: Trust) -> None:
        """``addresses`` are the edge's, as this machine reaches them."""
        self._addresses = addresses
        self._trust = trust

    async def ask_hosts(self, target: ProbeTarget) -> HostsAnswer:
        """See EdgeProbe."""
        context = await asyncio.to_thread(self._trust.context)
        connector = aiohttp.TCPConnector(ssl=context, force_close=True)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as http,
            asyncio.TaskGroup() as group,
        ):
            tasks = [
                group.create_task(_ask(http, address, check, target))
                for address in self._addresses
                for check in _checks(target)
            ]
        return HostsAnswer(answers=tuple(task.result() for task in tasks))


def _checks(target: ProbeTarget) -> tuple[Check, ...]:
    if target.is_console:
        return (Check.CONSOLE,)
    if target.is_default:
        return (Check.PREFLIGHT, Check.LIBRARY)
    if target.write_key is None:
        return (Check.PREFLIGHT,)
    return (Check.SETTINGS, Check.SCRIPT, Check.PREFLIGHT, Check.MESSAGE)


async def _ask(
    http: aiohttp.ClientSession, address: Address, check: Check, target: ProbeTarget
) -> HostAnswer:
    host = target.api_host if check in ON_API_HOST else target.cdn_host
    method, path, headers = _request(check, target)
    answer = HostAnswer(check=check, host=host, address=str(address))
    try:
        async with http.request(
            method,
            f"https://{address}{path}",
            headers={"Host": host, "User-Agent": PROBE_AGENT, **headers},
            data=build_message(target.write_key) if check is Check.MESSAGE else None,
            server_hostname=host,
            allow_redirects=False,
        ) as response:
            return replace(
                answer,
                status=response.status,
                content_type=response.headers.get("Content-Type", "")[:80],
                is_well_formed=check not in _JSON or await _is_json(response),
                refused=await _read_refused(response) if check is Check.LIBRARY else (),
            )
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return replace(answer, trouble=_describe(error))


def _request(check: Check, target: ProbeTarget) -> tuple[str, str, dict[str, str]]:
    """Method, path and headers of a check (wire-contract: the CDN host, the preflight)."""
    match check:
        case Check.SETTINGS:
            return "GET", f"/v1/projects/{target.write_key}/settings", {}
        case Check.SCRIPT:
            return "GET", f"/analytics.js/v1/{target.write_key}/analytics.min.js", {}
        case Check.LIBRARY:
            return "GET", "/_firstparty/health", {}
        case Check.CONSOLE:
            return "GET", "/healthz", {}
        case Check.PREFLIGHT:
            return (
                "OPTIONS",
                "/v1/batch",
                {
                    "Origin": f"https://{target.cdn_host.partition('.')[2]}",
                    "Access-Control-Request-Method": "POST",
                    "Access-Control-Request-Headers": "authorization,content-type",
                },
            )
        case Check.MESSAGE:
            return "POST", "/v1/batch", {"Content-Type": "application/json"}


def build_message(write_key: str | None) -> bytes:
    """The test message: a batch of nothing. It comes onto the disk, and into nobody's data."""
    return msgspec.json.encode({"writeKey": write_key, "batch": []})


async def _is_json(response: aiohttp.ClientResponse) -> bool:
    body = await response.content.read(_MAX_SETTINGS_BYTES)
    try:
        msgspec.json.decode(body)
    except msgspec.DecodeError:
        return False
    return True


async def _read_refused(response: aiohttp.ClientResponse) -> tuple[str, ...]:
    body = await response.content.read(_MAX_HEALTH_BYTES)
    try:
        return msgspec.json.decode(body, type=_Health).refused
    except msgspec.DecodeError:
        return ()


def _describe(error: Exception) -> str:
    """Why there was no answer, for a person; never more of the error than its kind."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not one to trust for this name"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, ConnectionRefusedError):
            return "nobody listens there"
        return "the TLS handshake was refused"
    return f"the connection broke off ({type(error).__name__})"
