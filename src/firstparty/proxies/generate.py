"""From a proxy's facts and a provider's templates to files, records, steps and a proof."""

from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from firstparty.model.findings import DnsRecord
from firstparty.proxies.catalogue import find_provider
from firstparty.proxies.model import CDN_FOLDERS, KEPT_FOLDERS, MAX_BODY_BYTES, Proxy


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedFile:
    """A file to put somewhere; ``path`` is relative."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """All that an owner needs for a proxy. ``proof`` are commands that show that it works."""

    provider: str
    title: str
    files: tuple[GeneratedFile, ...]
    records: tuple[DnsRecord, ...]
    steps: tuple[str, ...]
    proof: tuple[str, ...]


def generate(name: str, proxy: Proxy) -> Generated:
    """Generate ``proxy`` for the provider called ``name``; raises Refused for an unknown one.

    Every value in ``proxy`` was parsed before (host names, ports, a write key), so none can end
    what it stands in.
    """
    provider = find_provider(name)
    facts = {
        "proxy": proxy,
        "machine": proxy.machine,
        "cdn_folders": CDN_FOLDERS,
        "kept_folders": KEPT_FOLDERS,
        "max_body_bytes": MAX_BODY_BYTES,
    }
    return Generated(
        provider=name,
        title=provider.title,
        files=tuple(
            GeneratedFile(
                path=file.path, text=_templates().get_template(file.template).render(facts)
            )
            for file in provider.files
        ),
        records=tuple(
            DnsRecord(name=f"{host}.", type="CNAME", value=provider.target)
            for host in proxy.hosts
            if provider.target
        ),
        steps=tuple(_templates().from_string(step).render(facts) for step in provider.steps),
        proof=_build_proof(proxy),
    )


def _build_proof(proxy: Proxy) -> tuple[str, ...]:
    settings = f"https://{proxy.cdn_host}/v1/projects/{proxy.write_key}/settings"
    credentials = f"-u {proxy.write_key}: -H 'Content-Type: application/json'"
    message = """-d '{"userId":"proxy-check","event":"Proxy Checked"}'"""
    return (
        f"curl -sSi {settings}  # 200, JSON, Access-Control-Allow-Origin",
        f"curl -sSi https://{proxy.api_host}/v1/track {credentials} {message}  # 200, success",
    )


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("firstparty.proxies", "providers"),
        autoescape=False,  # noqa: S701 - configuration files, not HTML; see generate()
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
