"""The paths of the tracking API (pure): which request target means what."""

import re
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

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
    method: bytes = b"POST"  # the one method, beside OPTIONS, that the path takes
    path: Path | None = None


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
_PIXEL_PREFIX: Final = b"/v1/pixel/"
_UNKNOWN_PIXEL: Final = Route(kind=Kind.PIXEL, method=b"GET")
_ROUTES: Final = MappingProxyType(
    {
        **{b"/v1/" + n: Route(kind=Kind.MESSAGES, path=p) for n, p in _MESSAGE_PATHS.items()},
        **{
            _PIXEL_PREFIX + path.name.lower().encode(): Route(
                kind=Kind.PIXEL, method=b"GET", path=path
            )
            for path in Path
            if path is not Path.BATCH
        },
        b"/v1/m": Route(kind=Kind.METRICS),
    }
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
    if route is None and path.startswith(_PIXEL_PREFIX):
        route = _UNKNOWN_PIXEL
    return route, query
