"""Asks both hosts over HTTPS, at each address of the edge, as a browser would: SNI and Host right.

Certificates are verified, redirects are not followed, bodies are bounded.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

import msgspec

from firstparty.config.addresses import Address
from firstparty.model.hosts import PROBE_AGENT
from firstparty.reconciler.edge_client import EdgeAnswer, ask_edge
from firstparty.reconciler.probed import (
    ON_API_HOST,
    Check,
    HostAnswer,
    HostsAnswer,
    ProbeTarget,
)
from firstparty.reconciler.trust import Trust

_WITHIN: Final = timedelta(seconds=8)
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
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_ask(context, address, check, target))
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
    tls: ssl.SSLContext, address: Address, check: Check, target: ProbeTarget
) -> HostAnswer:
    host = target.api_host if check in ON_API_HOST else target.cdn_host
    method, path, headers = _request(check, target)
    answer = HostAnswer(check=check, host=host, address=str(address))
    try:
        told = await ask_edge(
            address,
            host,
            method,
            path,
            headers={"User-Agent": PROBE_AGENT, **headers},
            body=build_message(target.write_key) if check is Check.MESSAGE else b"",
            tls=tls,
            within=_WITHIN,
        )
    except (OSError, EOFError) as error:
        return replace(answer, trouble=_describe(error))
    return replace(
        answer,
        status=told.status,
        content_type=told.content_type[:80],
        is_well_formed=check not in _JSON or _is_json(told),
        refused=_read_refused(told) if check is Check.LIBRARY else (),
    )


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


def _is_json(answer: EdgeAnswer) -> bool:
    try:
        msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        return False
    return True


def _read_refused(answer: EdgeAnswer) -> tuple[str, ...]:
    try:
        return msgspec.json.decode(answer.body, type=_Health).refused
    except msgspec.DecodeError:
        return ()


def _describe(error: OSError | EOFError) -> str:
    """Why there was no answer, for a person; never more of the error than its kind."""
    match error:
        case ssl.SSLCertVerificationError():
            return "its certificate is not one to trust for this name"
        case TimeoutError():
            return "no answer in time"
        case ConnectionRefusedError():
            return "nobody listens there"
        case OSError():
            return "the TLS handshake was refused"
        case EOFError():
            return "the connection broke off"
