"""What a CDN host answers: from a request's four facts to an answer, from memory."""

from collections.abc import Mapping
from functools import partial
from typing import Final

import msgspec

from firstparty.cdn import answers
from firstparty.cdn.answers import Answer, answer_asset
from firstparty.cdn.assets import Asset, AssetCache, build_asset
from firstparty.cdn.bundles import JAVASCRIPT, Library, read_bundle
from firstparty.cdn.directory import Directory, Tenant
from firstparty.cdn.paths import (
    AliasedScript,
    BundleNamed,
    Health,
    IntegrationsOf,
    ScriptOf,
    SettingsOf,
    parse_path,
)
from firstparty.cdn.script import StandaloneScript, patch_script
from firstparty.cdn.settings import list_integrations, rewrite_settings
from firstparty.model.feed import EdgeSource

SCRIPT_CACHING: Final = "public, max-age=300, stale-if-error=604800"
SETTINGS_CACHING: Final = "public, max-age=60, stale-if-error=604800"
CACHE_BYTES: Final = 64 * 1024**2  # about 450 scripts with their gzip form


class CdnHost:
    """Answers requests from the directory, the library and the cache."""

    def __init__(self, directory: Directory, library: Library) -> None:
        self._directory = directory
        self._library = library
        self._cache = AssetCache(max_bytes=CACHE_BYTES)

    async def answer(
        self, *, method: str, host: str, path: str, headers: Mapping[str, str]
    ) -> Answer:
        """The answer to a request for ``path`` (without query, not decoded) on ``host``."""
        tenant = self._directory.find(host)
        if tenant is None:
            return answers.NOT_FOUND
        if method == "OPTIONS":
            return answers.PREFLIGHT
        if method not in {"GET", "HEAD"}:
            return answers.WRONG_METHOD
        found = await self._find(tenant, path)
        if isinstance(found, Answer):
            return found
        return answer_asset(
            found,
            accept_encoding=headers.get("Accept-Encoding", ""),
            if_none_match=headers.get("If-None-Match", ""),
        )

    async def _find(self, tenant: Tenant, path: str) -> Asset | Answer:
        found: Asset | Answer
        match parse_path(path):
            case ScriptOf(write_key):
                found = await self._script(tenant, tenant.by_write_key.get(write_key))
            case AliasedScript(alias):
                found = await self._script(tenant, tenant.by_alias.get(alias))
            case SettingsOf(write_key):
                found = await self._settings(tenant, tenant.by_write_key.get(write_key))
            case IntegrationsOf(write_key):
                found = await self._integrations(tenant, tenant.by_write_key.get(write_key))
            case BundleNamed(name):
                found = await self._bundle(name)
            case Health():
                found = _health(tenant, self._library.script)
            case None:
                found = answers.NOT_FOUND
        return found

    async def _script(self, tenant: Tenant, source: EdgeSource | None) -> Asset | Answer:
        script = self._library.script
        if source is None:
            return answers.NOT_FOUND
        if script is None:
            return answers.NO_SCRIPT
        # The hosts are in the key, not the revision: a script outlives most changes of a domain.
        return await self._cache.get(
            ("script", script.version, tenant.cdn_origin, tenant.api_base, source.write_key),
            partial(_build_script, script, tenant, source),
        )

    async def _settings(self, tenant: Tenant, source: EdgeSource | None) -> Asset | Answer:
        if source is None:
            return answers.NOT_FOUND
        return await self._cache.get(
            ("settings", tenant.domain, tenant.revision, source.write_key),
            partial(_build_settings, tenant, source),
        )

    async def _integrations(self, tenant: Tenant, source: EdgeSource | None) -> Asset | Answer:
        if source is None:
            return answers.NOT_FOUND
        return await self._cache.get(
            ("integrations", tenant.domain, tenant.revision, source.write_key),
            lambda: _build_json(list_integrations(source.settings)),
        )

    async def _bundle(self, name: str) -> Asset | Answer:
        path = self._library.bundles.get(name)
        if path is None:
            return answers.NOT_FOUND
        return await self._cache.get(("bundle", name), partial(read_bundle, path))


def _build_script(script: StandaloneScript, tenant: Tenant, source: EdgeSource) -> Asset:
    body = patch_script(
        script,
        write_key=source.write_key,
        cdn_origin=tenant.cdn_origin,
        api_base=tenant.api_base,
    )
    return build_asset(body, content_type=JAVASCRIPT, cache_control=SCRIPT_CACHING)


def _build_settings(tenant: Tenant, source: EdgeSource) -> Asset:
    return _build_json(
        rewrite_settings(
            source.settings,
            write_key=source.write_key,
            cdn_origin=tenant.cdn_origin,
            api_base=tenant.api_base,
        )
    )


def _build_json(value: object) -> Asset:
    body = msgspec.json.encode(value)
    return build_asset(body, content_type=answers.JSON, cache_control=SETTINGS_CACHING)


def _health(tenant: Tenant, script: StandaloneScript | None) -> Answer:
    """200 where scripts can be served; it names the host, so that a probe sees whom it reached."""
    if script is None:
        return answers.NO_SCRIPT
    body = msgspec.json.encode({"role": "cdn", "host": tenant.cdn_host})
    return answers.uncached_json(body)
