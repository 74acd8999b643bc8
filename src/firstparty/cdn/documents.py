"""The two JSON documents of a source, from its owner's settings or from the upstream CDN."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import msgspec

from firstparty.cdn.answers import JSON
from firstparty.cdn.assets import Asset, AssetCache, build_asset
from firstparty.cdn.bodies import Body, read_json
from firstparty.cdn.directory import Tenant, hosts_for, is_mirrored
from firstparty.cdn.mirror import Absence, Mirror
from firstparty.cdn.resources import (
    SETTINGS_CACHING,
    build_mirrored_asset,
    integrations_of,
    settings_of,
)
from firstparty.cdn.settings import SEGMENT, list_integrations, rewrite_settings
from firstparty.model.feed import EdgeSource
from firstparty.telemetry import Log

_API_BASE: Final = re.compile(r"[\w.:/-]{1,253}", re.ASCII)


class Documents:
    """Settings and integrations lists, ready to be sent."""

    def __init__(self, mirror: Mirror, assets: AssetCache) -> None:
        self._mirror = mirror
        self._assets = assets

    async def settings(self, tenant: Tenant, source: EdgeSource) -> Asset | Absence:
        """The settings with our hosts in them.

        Of a mirrored source whose upstream never gave any, those that its owner stored, if any.
        """
        if is_mirrored(source):
            found = await self._mirror.get(
                settings_of(source),
                lambda body: build_mirrored_settings(body, tenant, source),
                key=hosts_for(tenant, source),
            )
            if found is not Absence.UNREACHABLE or not source.settings:
                return found
        return await self._assets.get(
            ("settings", tenant.domain, tenant.revision, source.write_key),
            partial(build_settings, source.settings, tenant, source),
        )

    async def integrations(self, tenant: Tenant, source: EdgeSource) -> Asset | Absence:
        """The upstream's list of a mirrored source; else what the settings say."""
        if is_mirrored(source):
            resource = integrations_of(source)
            found = await self._mirror.get(
                resource,
                lambda body: build_mirrored_asset(body, resource),
            )
            if isinstance(found, Asset):
                return found
            found = await self._mirror.get(settings_of(source), list_mirrored, key="integrations")
            if found is not Absence.UNREACHABLE or not source.settings:
                return found
        return await self._assets.get(
            ("integrations", tenant.domain, tenant.revision, source.write_key),
            lambda: _build_json(list_integrations(source.settings)),
        )


def build_settings(settings: Mapping[str, Any], tenant: Tenant, source: EdgeSource) -> Asset:
    """Settings, rewritten for the hosts of this tenant."""
    cdn_origin, api_base = hosts_for(tenant, source)
    return _build_json(
        rewrite_settings(
            settings, write_key=source.write_key, cdn_origin=cdn_origin, api_base=api_base
        )
    )


def build_mirrored_settings(body: Body, tenant: Tenant, source: EdgeSource) -> Asset:
    """The upstream's settings, rewritten; where it would have events sent is logged."""
    settings: dict[str, Any] = read_json(body.content)
    Log("cdn").info("cdn.settings_mirrored", source=source.id, api_host=find_api_host(settings))
    return build_settings(settings, tenant, source)


def list_mirrored(body: Body) -> Asset:
    """The integrations list that follows from the upstream's settings."""
    return _build_json(list_integrations(read_json(body.content)))


def find_api_host(settings: Mapping[str, Any]) -> str | None:
    """The API host that settings name: the source's own region; None where that is no host."""
    integrations = settings.get("integrations")
    segment = integrations.get(SEGMENT) if isinstance(integrations, Mapping) else None
    host = segment.get("apiHost") if isinstance(segment, Mapping) else None
    return host if isinstance(host, str) and _API_BASE.fullmatch(host) else None


def _build_json(value: object) -> Asset:
    body = msgspec.json.encode(value)
    return build_asset(body, content_type=JSON, cache_control=SETTINGS_CACHING)
