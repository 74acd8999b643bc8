"""What a CDN host answers: from a request's four facts to an answer, from memory."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

import msgspec

from firstparty.cdn import answers
from firstparty.cdn.answers import Answer, answer_asset
from firstparty.cdn.assets import Asset, AssetCache, build_asset
from firstparty.cdn.bundles import BUNDLE_NAME, JAVASCRIPT, Library, read_bundle
from firstparty.cdn.directory import Directory, Tenant, hosts_for
from firstparty.cdn.documents import Documents
from firstparty.cdn.mirror import Absence, Mirror
from firstparty.cdn.paths import (
    AliasedScript,
    BundleNamed,
    Health,
    IntegrationCode,
    IntegrationsOf,
    ScriptOf,
    SettingsOf,
    parse_path,
)
from firstparty.cdn.resources import build_mirrored_asset, code_at
from firstparty.cdn.rollout import build_rollout
from firstparty.cdn.script import StandaloneScript, patch_script
from firstparty.model.feed import EdgeSource
from firstparty.model.hosts import PROBE_AGENT
from firstparty.model.workspaces import EVERYBODY

# Asked for with its ETag at each load: a restore must not wait for browsers' caches.
SCRIPT_CACHING: Final = "public, max-age=0, stale-if-error=604800"
CACHE_BYTES: Final = 64 * 1024**2  # about 450 scripts with their gzip form
_ABSENT: Final = MappingProxyType(
    {Absence.MISSING: answers.NOT_FOUND, Absence.UNREACHABLE: answers.NO_UPSTREAM}
)

Found = Asset | Absence | Answer


class CdnHost:
    """Answers requests from the directory, the library, the mirror and the memory of both."""

    def __init__(
        self, directory: Directory, library: Library, mirror: Mirror, assets: AssetCache
    ) -> None:
        self._directory = directory
        self._library = library
        self._mirror = mirror
        self._assets = assets
        self._documents = Documents(mirror, assets)

    def use(self, library: Library) -> None:
        """Serve from another library from now on."""
        self._library = library

    async def answer(
        self, *, method: str, host: str, path: str, headers: Mapping[str, str]
    ) -> Answer:
        """The answer to a request for ``path`` (without query, not decoded) on ``host``."""
        tenant = self._directory.find(host)
        if tenant is None:
            return answers.NOT_FOUND
        if tenant.meter is not None and headers.get("User-Agent") != PROBE_AGENT:
            tenant.meter.requests += 1
        if method == "OPTIONS":
            return answers.PREFLIGHT
        if method not in {"GET", "HEAD"}:
            return answers.WRONG_METHOD
        found = await self._find(tenant, path)
        if isinstance(found, Asset):
            return answer_asset(
                found,
                accept_encoding=headers.get("Accept-Encoding", ""),
                if_none_match=headers.get("If-None-Match", ""),
            )
        return _ABSENT[found] if isinstance(found, Absence) else found

    async def _find(self, tenant: Tenant, path: str) -> Found:
        found: Found
        match parse_path(path):
            case ScriptOf(write_key):
                found = await self._script(tenant, tenant.by_write_key.get(write_key))
            case AliasedScript(alias):
                found = await self._script(tenant, tenant.by_alias.get(alias))
            case SettingsOf(write_key):
                source = tenant.by_write_key.get(write_key)
                found = (
                    await self._documents.settings(tenant, source) if source else Absence.MISSING
                )
            case IntegrationsOf(write_key):
                source = tenant.by_write_key.get(write_key)
                found = (
                    await self._documents.integrations(tenant, source)
                    if source
                    else Absence.MISSING
                )
            case BundleNamed(name):
                found = await self._bundle(tenant, name, path)
            case IntegrationCode(path):
                found = await self._code(tenant.code_upstream, path)
            case Health():
                found = _health(tenant, self._library)
            case None:
                found = Absence.MISSING
        return found

    async def _script(self, tenant: Tenant, source: EdgeSource | None) -> Found:
        if source is None:
            return Absence.MISSING
        script = self._library.find(source.script_version)
        if script is None:
            return answers.NO_SCRIPT
        # The hosts are in the key, not the revision: a script outlives most changes of a domain.
        return await self._assets.get(
            ("script", script.version, *hosts_for(tenant, source), *_told(source)),
            partial(_build_script, script, tenant, source),
        )

    async def _bundle(self, tenant: Tenant, name: str, path: str) -> Found:
        file = self._library.bundles.get(name)
        if file is not None:
            return await self._assets.get(("bundle", name), partial(read_bundle, file))
        is_name = BUNDLE_NAME.fullmatch(name) is not None
        return await self._code(tenant.bundle_upstream if is_name else "", path)

    async def _code(self, upstream: str, path: str) -> Found:
        if not upstream:
            return Absence.MISSING
        resource = code_at(upstream, path)
        return await self._mirror.get(resource, lambda body: build_mirrored_asset(body, resource))


def _told(source: EdgeSource) -> tuple[str | int, ...]:
    """All of a source that its script depends on."""
    others = source.default_cdn, source.default_api
    return source.write_key, source.share, bool(source.proxy_api), *others


def _build_script(script: StandaloneScript, tenant: Tenant, source: EdgeSource) -> Asset:
    hosts = hosts_for(tenant, source)
    others = source.default_cdn, source.default_api
    # The default hosts have nobody to send away, but from a proxy in front of them.
    is_for_all = tenant.is_default and not (source.proxy_api and source.share == 0)
    if is_for_all or source.share == EVERYBODY:
        body = patch_script(
            script, write_key=source.write_key, cdn_origin=hosts[0], api_base=hosts[1]
        )
    else:
        body = build_rollout(
            script, write_key=source.write_key, hosts=hosts, others=others, share=source.share
        )
    return build_asset(body, content_type=JAVASCRIPT, cache_control=SCRIPT_CACHING)


def _health(tenant: Tenant, library: Library) -> Answer:
    """200 where scripts can be served; it names the host, so that a probe sees whom it reached.

    ``refused`` are versions that were to be installed and cannot be served.
    """
    if library.script is None:
        return answers.NO_SCRIPT
    facts = {
        "role": "cdn",
        "host": tenant.cdn_host,
        "refused": [one.version for one in library.refused],
    }
    return answers.uncached_json(msgspec.json.encode(facts))
