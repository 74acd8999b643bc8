"""HTTP to a place that a user named: bounded, no redirect followed, only where we may go.

A host is resolved once; every address it has must be public (unless the caller may reach private
ones), and connections go to those very addresses, so that a second answer of the DNS changes
nothing. HTTP/1.1, one request a connection, over TLS unless a request says otherwise; certificates
are always verified.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Final

import h11

from firstparty.outbound.addresses import is_public, parse_host
from firstparty.outbound.streams import Stream, begin_exchange

MAX_BODY_BYTES: Final = 1024 * 1024
_HTTPS_PORT: Final = 443
_HTTP_PORT: Final = 80
_MAX_ADDRESSES: Final = 4  # tried of one host

Resolve = Callable[[str], Awaitable[tuple[str, ...]]]


class Failure(StrEnum):
    """Why there was no answer at all."""

    NO_SUCH_NAME = "no-such-name"
    NOT_PUBLIC = "not-public"
    NO_CONNECTION = "no-connection"
    TLS = "tls"
    TIMEOUT = "timeout"
    BROKEN = "broken"  # a connection that ended early, or not HTTP


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. ``target`` is path and query; Host and Content-Length are added.

    ``is_tls`` is False for the one purpose of seeing what happens to whoever forgets the s.
    """

    method: str
    host: str
    port: int
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    is_tls: bool = True

    @property
    def authority(self) -> str:
        """Host and port as Host has them: the port is left out where it is the scheme's own."""
        standard = _HTTPS_PORT if self.is_tls else _HTTP_PORT
        return build_authority(self.host, self.port, standard=standard)

    @property
    def origin(self) -> str:
        """``https://evs.example.com``, no slash at the end."""
        return f"{'https' if self.is_tls else 'http'}://{self.authority}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One answer. Header names in lower case; ``body`` as it came, its first MB."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    valid_from: datetime | None = None  # the certificate, to expires_at; None without TLS
    expires_at: datetime | None = None

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a header, one for each line of it."""
        return tuple(value for key, value in self.headers if key == name)

    def get(self, name: str) -> str:
        """The value of a header, its lines joined; empty if it has none."""
        return ", ".join(self.all(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreached:
    """There was no answer. ``verify_code`` is OpenSSL's X509_V_ERR, where the chain was refused."""

    failure: Failure
    detail: str
    verify_code: int | None = None


class SafeClient:
    """Asks named hosts over HTTPS; remembers the addresses of each for its own lifetime."""

    def __init__(
        self,
        *,
        allow_private: bool,
        ca_pem: str | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        """``ca_pem``: authorities to trust beside the system's; raises ValueError if it is no PEM.

        ``resolve`` finds the addresses of a host name; this machine's resolver if unsaid.
        """
        self._allow_private = allow_private
        self._resolve = resolve or resolve_by_system
        self._found: dict[str, asyncio.Task[tuple[str, ...] | Unreached]] = {}
        self._tls = ssl.create_default_context()
        if ca_pem is not None:
            try:
                self._tls.load_verify_locations(cadata=ca_pem)
            except (ssl.SSLError, ValueError) as error:
                raise ValueError(f"not certificates in PEM ({error})") from error

    async def fetch(self, request: Request, *, within: timedelta) -> Response | Unreached:
        """The answer to one request, or why there is none in that time."""
        try:
            async with asyncio.timeout(within.total_seconds()):
                stream = await self._begin(request)
                return stream if isinstance(stream, Unreached) else await _read_whole(stream)
        except TimeoutError:
            return _too_late(within)

    async def open(self, request: Request, *, within: timedelta) -> Stream | Unreached:
        """The head of the answer, or why there is none in that time. The stream is to be closed."""
        try:
            async with asyncio.timeout(within.total_seconds()):
                return await self._begin(request)
        except TimeoutError:
            return _too_late(within)

    async def find_addresses(self, host: str) -> tuple[str, ...] | Unreached:
        """The addresses that requests for ``host`` go to, resolved and checked once."""
        if host not in self._found:
            self._found[host] = asyncio.ensure_future(self._look_up(host))
        return await asyncio.shield(self._found[host])

    async def close(self) -> None:
        """Give up look-ups that are still under way."""
        for task in self._found.values():
            task.cancel()
        await asyncio.gather(*self._found.values(), return_exceptions=True)

    async def _look_up(self, host: str) -> tuple[str, ...] | Unreached:
        parsed = parse_host(host)
        try:
            found = (str(parsed),) if not isinstance(parsed, str) else await self._resolve(parsed)
        except OSError as error:
            found, reason = (), error.strerror or "no answer"
        else:
            reason = "no address"
        if not found:
            return Unreached(failure=Failure.NO_SUCH_NAME, detail=f"{host}: {reason}")
        inner = [one for one in found if not is_public(ip_address(one))]
        if inner and not self._allow_private:
            detail = f"{host} has the address {inner[0]}, which is not a public one"
            return Unreached(failure=Failure.NOT_PUBLIC, detail=detail)
        return found[:_MAX_ADDRESSES]

    async def _begin(self, request: Request) -> Stream | Unreached:
        addresses = await self.find_addresses(request.host)
        if isinstance(addresses, Unreached):
            return addresses
        try:
            head = _build_head(request)
            connected = await self.connect(request, addresses)
            if isinstance(connected, Unreached):
                return connected
            return await begin_exchange(head, request.body, *connected)
        except (h11.LocalProtocolError, EOFError) as error:
            return Unreached(failure=Failure.BROKEN, detail=str(error))

    async def connect(
        self, request: Request, addresses: tuple[str, ...]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | Unreached:
        """A connection for this request to one of these addresses, the first that takes it."""
        refused = Unreached(failure=Failure.NO_CONNECTION, detail="no address")
        for address in addresses:
            try:
                return await asyncio.open_connection(
                    address,
                    request.port,
                    ssl=self._tls if request.is_tls else None,
                    server_hostname=request.host if request.is_tls else None,
                )
            except ssl.SSLCertVerificationError as error:
                return Unreached(
                    failure=Failure.TLS, detail=error.verify_message, verify_code=error.verify_code
                )
            except ssl.SSLError as error:
                return Unreached(failure=Failure.TLS, detail=error.reason or "handshake failed")
            except OSError as error:
                reason = error.strerror or type(error).__name__
                detail = f"{address} port {request.port}: {reason}"
                refused = Unreached(failure=Failure.NO_CONNECTION, detail=detail)
        return refused


def build_authority(host: str, port: int, *, standard: int = _HTTPS_PORT) -> str:
    """Host and port as URLs have them (RFC 3986 §3.2), the port left out where it is standard."""
    bare = f"[{host}]" if ":" in host else host
    return bare if port == standard else f"{bare}:{port}"


async def resolve_by_system(host: str) -> tuple[str, ...]:
    """The addresses that this machine's resolver has; raises OSError where it has none."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


async def _read_whole(stream: Stream) -> Response | Unreached:
    body = bytearray()
    try:
        while len(body) < MAX_BODY_BYTES and (piece := await stream.read()):
            body += piece
        return Response(
            status=stream.status,
            headers=stream.headers,
            body=bytes(body[:MAX_BODY_BYTES]),
            valid_from=stream.valid_from,
            expires_at=stream.expires_at,
        )
    except EOFError as error:
        return Unreached(failure=Failure.BROKEN, detail=str(error))
    finally:
        stream.close()


def _build_head(request: Request) -> h11.Request:
    headers = [("Host", request.authority), ("Connection", "close"), *request.headers]
    if request.body or request.method == "POST":
        headers.append(("Content-Length", str(len(request.body))))
    return h11.Request(method=request.method, target=request.target, headers=headers)


def _too_late(within: timedelta) -> Unreached:
    return Unreached(failure=Failure.TIMEOUT, detail=f"no answer in {within.total_seconds():.1f} s")
