"""The paths of the tracking API (pure): which request target means what, by which methods."""

import re
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from firstparty.ingest.answers import Refusal
from firstparty.model.messages import Path


class Kind(Enum):
    """What a path is for."""

    MESSAGES = "messages"  # bodies to keep
    METRICS = "metrics"  # an SDK's figures about itself: taken, counted, dropped
    PIXEL = "pixel"  # a message in the query, an image as the answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What a path means. A pixel of no known type has no ``path``."""

    kind: Kind
    method: bytes = b"POST"  # the one that brings something
    path: Path | None = None

    @property
    def methods(self) -> tuple[bytes, ...]:
        """All that the path takes. HEAD goes with GET (RFC 9110 §9.1), and brings nothing."""
        return (self.method, *((b"HEAD",) if self.method == b"GET" else ()), b"OPTIONS")


_MESSAGE_PATHS: Final = MappingProxyType(
    {
        b"batch": Path.BATCH,
        b"import": Path.BATCH,
        b"b": Path.BATCH,
        b"track": Path.TRACK,
        b"page": Path.PAGE,
        b"identify": Path.IDENTIFY,
        b"group": Path.GROUP,
        b"alias": Path.ALIAS,
        b"screen": Path.SCREEN,
        b"t": Path.TRACK,
        b"p": Path.PAGE,
        b"i": Path.IDENTIFY,
        b"g": Path.GROUP,
        b"a": Path.ALIAS,
        b"s": Path.SCREEN,
    }
)
_PIXEL: Final = b"/v1/pixel"
_UNKNOWN_PIXEL: Final = Route(kind=Kind.PIXEL, method=b"GET")
_ROUTES: Final = MappingProxyType(
    {
        **{b"/v1/" + n: Route(kind=Kind.MESSAGES, path=p) for n, p in _MESSAGE_PATHS.items()},
        **{
            b"%b/%b" % (_PIXEL, path.name.lower().encode()): Route(
                kind=Kind.PIXEL, method=b"GET", path=path
            )
            for path in Path
            if path is not Path.BATCH
        },
        b"/v1/m": Route(kind=Kind.METRICS),
    }
)
_UNKNOWN_PATH: Final = Refusal(
    status=HTTPStatus.NOT_FOUND,
    code="unknown_path",
    message="There is nothing at this path. Messages go to /v1/batch, /v1/track and so on.",
)
_SLASHES: Final = re.compile(rb"//+")


def find_route(target: bytes) -> tuple[Route | None, bytes]:
    """The route of a request target, and its query. No route: a path we do not have.

    Doubled and trailing slashes do not matter: SDKs join their host option and ``/v1/batch``
    in every way there is.
    """
    route = _ROUTES.get(target)
    if route is not None:
        return route, b""
    path, _, query = target.partition(b"?")
    path = _SLASHES.sub(b"/", path).rstrip(b"/")
    route = _ROUTES.get(path)
    if route is None and (path == _PIXEL or path.startswith(_PIXEL + b"/")):
        route = _UNKNOWN_PIXEL
    return route, query


def check_method(route: Route | None, method: bytes) -> Refusal | None:
    """Why this is no request of the tracking API, whichever host it is for; None: it is one."""
    if route is None:
        return _UNKNOWN_PATH
    if method in route.methods:
        return None
    return Refusal(
        status=HTTPStatus.METHOD_NOT_ALLOWED,
        code="method_not_allowed",
        message=f"This path takes {route.method.decode()}.",
        allow=b", ".join(route.methods),
    )
