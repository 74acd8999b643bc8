"""REST from the command line: answers as JSON values, problems as sentences."""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, Self
from urllib.parse import quote

from firstparty.cli.connection import CHOICE, Connection, find_connection
from firstparty.serve.profile import profile_file

Query = str | int | None  # None: left out


class Client:
    """A running product's REST API. Every call raises CommandFailed with what went wrong."""

    def __init__(self, connection: Connection) -> None:
        from firstparty.cli.transport import Transport  # noqa: PLC0415 - half a second, see there

        self._connection = connection
        self._transport = Transport(connection)

    @classmethod
    def of_environment(cls) -> Self:
        """The client of the product that the environment or the profile names."""
        return cls(find_connection(os.environ, profile_file(os.environ.get(CHOICE) or None)))

    @property
    def workspace(self) -> str | None:
        """The workspace to speak about, where one was chosen."""
        return self._connection.workspace

    @property
    def url(self) -> str:
        """The console's address, without a slash at its end."""
        return self._connection.url

    def get(self, *path: str, **query: Query) -> Any:
        """The answer to a GET of the path with these parts."""
        return self._send("GET", path, query=query)

    def post(self, *path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer to a POST."""
        return self._send("POST", path, body=body)

    def patch(self, *path: str, body: Mapping[str, Any], **query: Query) -> Any:
        """The answer to a PATCH."""
        return self._send("PATCH", path, query=query, body=body)

    def put(self, *path: str, body: Mapping[str, Any]) -> Any:
        """The answer to a PUT."""
        return self._send("PUT", path, body=body)

    def delete(self, *path: str, **query: Query) -> Any:
        """The answer to a DELETE."""
        return self._send("DELETE", path, query=query)

    def list_all(self, *path: str, **query: Query) -> Iterator[Any]:
        """Every item of a list, page by page."""
        after: str | None = None
        while True:
            page = self.get(*path, **query, after=after, limit=200)
            yield from page["items"]
            after = page["next"]
            if after is None:
                return

    def stream(self, *path: str, **query: Query) -> Iterator[Any]:
        """Each event of a stream, until the other side ends it."""
        for data in self._transport.stream(_join(path), query=_said(query)):
            yield json.loads(data)

    def _send(
        self,
        method: str,
        path: tuple[str, ...],
        *,
        query: Mapping[str, Query] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        return self._transport.send(method, _join(path), query=_said(query or {}), body=body)


def _join(path: tuple[str, ...]) -> str:
    return "/" + "/".join(quote(part, safe="") for part in path)


def _said(query: Mapping[str, Query]) -> dict[str, str | int]:
    return {name: value for name, value in query.items() if value is not None}
