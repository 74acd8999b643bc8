"""What is mirrored: its URL upstream, what it must be, how long it is good for, how it is sent."""

import gzip
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from firstparty.cdn.answers import JSON
from firstparty.cdn.assets import Asset, build_asset, build_gzip_asset
from firstparty.cdn.bodies import Body, Kind
from firstparty.cdn.bundles import IMMUTABLE, JAVASCRIPT
from firstparty.model.feed import EdgeSource

SETTINGS_CACHING: Final = "public, max-age=60, stale-if-error=604800"
_CHANGING: Final = "public, max-age=300, stale-if-error=604800"
# A version folder or a content hash in its name: what has that never changes.
_VERSIONED: Final = re.compile(r"/\d+\.\d+\.\d+[^/]*/|[./-][0-9a-f]{8,}(?=[./])", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One thing of the upstream CDN.

    ``label`` is its name in logs, without a write key. Whether it ``is_countable``: there are as
    many of these as there are sources, and no more, whatever paths visitors make up.
    """

    url: str
    kind: Kind
    fresh_for: timedelta
    caching: str
    label: str
    is_countable: bool = False


def build_mirrored_asset(body: Body, resource: Resource) -> Asset:
    """The asset of a body. A name in ``.gz`` is sent as gzip to everybody: the contract of it."""
    content_type = JAVASCRIPT if resource.kind is Kind.SCRIPT else JSON
    if resource.url.endswith(".gz"):
        gzipped = body.gzipped or gzip.compress(body.content, mtime=0)
        return build_gzip_asset(gzipped, content_type=content_type, cache_control=resource.caching)
    return build_asset(body.content, content_type=content_type, cache_control=resource.caching)


def settings_of(source: EdgeSource) -> Resource:
    """The settings of a source."""
    return _json_of(source, "settings", Kind.SETTINGS)


def integrations_of(source: EdgeSource) -> Resource:
    """The list of a source's destinations."""
    return _json_of(source, "integrations", Kind.INTEGRATIONS)


def code_at(upstream: str, path: str) -> Resource:
    """A script or source map of the upstream CDN, by its path there and here."""
    is_immutable = _VERSIONED.search(path) is not None and "/latest/" not in path
    return Resource(
        url=upstream + path,
        kind=Kind.SOURCE_MAP if path.removesuffix(".gz").endswith(".map") else Kind.SCRIPT,
        fresh_for=timedelta(days=1) if is_immutable else timedelta(minutes=5),
        caching=IMMUTABLE if is_immutable else _CHANGING,
        label=path,
    )


def _json_of(source: EdgeSource, name: str, kind: Kind) -> Resource:
    return Resource(
        url=f"{source.cdn_upstream}/v1/projects/{source.write_key}/{name}",
        kind=kind,
        fresh_for=timedelta(minutes=1),
        caching=SETTINGS_CACHING,
        label=f"{name} of {source.id}",
        is_countable=True,
    )
