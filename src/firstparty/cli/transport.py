"""HTTP for the client. Apart from it, because importing the library takes half a second."""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

import firstparty
from firstparty.cli.connection import Connection
from firstparty.cli.errors import CommandFailed

_TIMEOUT: Final = httpx.Timeout(30, connect=5)
_STREAM: Final = httpx.Timeout(60, connect=5)  # between two events; comments keep it alive


class Transport:
    """Sends requests with one token to one place."""

    def __init__(self, connection: Connection) -> None:
        self._url = connection.url
        self._http = httpx.Client(
            base_url=f"{connection.url}/api/v1",
            headers={
                "Authorization": f"Bearer {connection.token}",
                "User-Agent": f"firstparty/{firstparty.__version__}",
            },
            timeout=_TIMEOUT,
            # A proxy for the outside world has no way to this machine's loopback.
            trust_env=not _is_loopback(connection.url),
        )

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int],
        body: Mapping[str, Any] | None,
    ) -> Any:
        """The JSON answer of a success; raises CommandFailed for everything else."""
        try:
            answer = self._http.request(method, path, params=dict(query), json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._no_answer(error) from error
        return self._read(answer)

    def stream(self, path: str, *, query: Mapping[str, str | int]) -> Iterator[str]:
        """The data of Server-Sent Events until the other side ends; raises CommandFailed."""
        try:
            with self._http.stream("GET", path, params=dict(query), timeout=_STREAM) as answer:
                if not answer.is_success:
                    answer.read()
                    self._read(answer)
                for line in answer.iter_lines():
                    if line.startswith("data: "):
                        yield line.removeprefix("data: ")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._no_answer(error) from error

    def _no_answer(self, error: Exception) -> CommandFailed:
        return CommandFailed(
            f"Firstparty does not answer at {self._url} ({error}): is it running there? "
            "Start it with firstparty serve, or set FIRSTPARTY_URL to where it is."
        )

    def _read(self, answer: httpx.Response) -> Any:
        try:
            value = answer.json()
            if answer.is_success:
                return value
            sentence = value["detail"]
        except (ValueError, KeyError, TypeError) as error:
            raise CommandFailed(
                f"What answers at {self._url} ({answer.status_code}) is not Firstparty: "
                "set FIRSTPARTY_URL to the console's address."
            ) from error
        raise CommandFailed(str(sentence))


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
