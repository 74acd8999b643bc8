"""A source as the API shows it."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field

from firstparty.api.privacy import PrivacyBody
from firstparty.control.sources import SourceView
from firstparty.model.workspaces import Origin, SourceType


class DomainOfSource(BaseModel):
    """The domain that serves a source."""

    id: Annotated[str, Field(examples=["dom_8Qm2xT4nB7vK1cD5sW9e"])]
    name: Annotated[str, Field(examples=["cdp.shop.com"])]
    cdn_host: Annotated[str, Field(examples=["evs.cdp.shop.com"])]
    api_host: Annotated[str, Field(examples=["api.cdp.shop.com"])]


class WarningOfSettings(BaseModel):
    """A place in a source's settings, and what to know about it."""

    path: Annotated[str, Field(examples=["metrics.host"])]
    sentence: Annotated[str, Field(examples=["Replaced by the domain's API host when served."])]


class SourceAnswer(BaseModel):
    """One site or app that sends messages."""

    id: Annotated[str, Field(examples=["src_8Qm2xT4nB7vK1cD5sW9e"])]
    workspace_id: Annotated[str, Field(examples=["wsp_8Qm2xT4nB7vK1cD5sW9e"])]
    name: Annotated[str, Field(examples=["Web shop"])]
    type: SourceType
    region: Annotated[str, Field(examples=["us"])]
    upstream: Annotated[
        str, Field(description="Where messages go on to", examples=["https://api.segment.io"])
    ]
    origin: Annotated[Origin, Field(description="Where its settings come from")]
    script_version: Annotated[
        str, Field(description="Of Analytics.js; empty: the newest installed")
    ]
    share: Annotated[
        int, Field(description="Percent of visitors on the domain once the script is loaded")
    ]
    write_key: Annotated[str, Field(examples=["kLzq0sXbT4nB7vK1cD5sW9eQm2xT4nB7"])]
    alias: Annotated[
        str,
        Field(
            description="The script's path on the CDN host, without extension",
            examples=["mU51AcorMiom6E8j2m1UJi/go18rexsDtdqGBkYKzwMqA"],
        ),
    ]
    old_alias: Annotated[str | None, Field(description="The one before, while it is still served")]
    domain: Annotated[DomainOfSource | None, Field(description="null: no domain serves it")]
    script_url: Annotated[str | None, Field(description="The script, by its standard path")]
    alias_url: Annotated[str | None, Field(description="The script, by its alias")]
    created_at: datetime

    @classmethod
    def of(cls, view: SourceView) -> Self:
        """The answer for this source."""
        return cls(**_parts(view))


class DeviceModeAnswer(BaseModel):
    """A destination that runs in the browser and sends to its vendor, not through the domain."""

    name: Annotated[str, Field(examples=["Mixpanel"])]
    hosts: Annotated[
        list[str],
        Field(description="Its vendor's hosts; empty: not known", examples=[["cdn.mxpnl.com"]]),
    ]


class SourceDetail(SourceAnswer):
    """A source with its settings."""

    device_mode: Annotated[
        list[DeviceModeAnswer], Field(description="By its settings: what bypasses the domain")
    ]
    settings: Annotated[dict[str, Any], Field(description="As they were stored, not rewritten")]
    settings_warnings: Annotated[
        list[WarningOfSettings], Field(description="What to know of the settings stored")
    ]
    messages_per_second: Annotated[int, Field(description="How many it may send; 0: no limit")]
    privacy: Annotated[PrivacyBody, Field(description="What may be kept of its messages")]
    has_old_secret: Annotated[
        bool, Field(description="The secret before signs requests to the webhook, too")
    ]

    @classmethod
    def of(cls, view: SourceView) -> Self:
        """The answer for this source."""
        warnings = [
            WarningOfSettings(path=one.path, sentence=one.sentence) for one in view.warnings
        ]
        device_mode = [
            DeviceModeAnswer(name=one.name, hosts=list(one.hosts)) for one in view.device_mode
        ]
        return cls(
            **_parts(view),
            settings=view.source.settings,
            settings_warnings=warnings,
            device_mode=device_mode,
            privacy=PrivacyBody.of(view.source.privacy),
            messages_per_second=view.source.messages_per_second,
            has_old_secret=bool(view.source.sealed_old_secret),
        )


class SourceAndSecret(SourceDetail):
    """A source that was just made or changed, with a secret that was made by that."""

    webhook_secret: Annotated[
        str | None,
        Field(description="Of a webhook upstream, if it is new: checks our signatures; shown once"),
    ] = None

    @classmethod
    def of_change(cls, view: SourceView) -> Self:
        """The answer for this source, now."""
        secret = view.new_secret or None
        return cls(**SourceDetail.of(view).model_dump(), webhook_secret=secret)


class SnippetAnswer(BaseModel):
    """Code to copy, and what to know with it."""

    format: Annotated[str, Field(examples=["html"])]
    title: Annotated[str, Field(examples=["HTML snippet"])]
    language: Annotated[str, Field(examples=["html"])]
    install: Annotated[str, Field(description="A command to run first, if one is needed")]
    option: Annotated[str, Field(description="What the SDK is told the hosts with")]
    notes: list[str]
    code: str


def _parts(view: SourceView) -> dict[str, Any]:
    source, domain, facts = view.source, view.domain, view.facts
    return {
        "id": source.id,
        "workspace_id": source.workspace_id,
        "name": source.name,
        "type": source.type,
        "region": source.region,
        "upstream": source.upstream,
        "origin": source.origin,
        "script_version": source.script_version,
        "share": source.share,
        "write_key": source.write_key,
        "alias": view.alias_path,
        "old_alias": view.old_alias_path or None,
        "domain": domain
        and DomainOfSource(
            id=domain.id, name=domain.name, cdn_host=domain.cdn_host, api_host=domain.api_host
        ),
        "script_url": facts and facts.script_url,
        "alias_url": facts and facts.alias_url,
        "created_at": source.created_at,
    }
