"""What somebody asks for when asking for a domain: read, and refused by its own rules alone."""

from dataclasses import dataclass
from datetime import datetime

from firstparty.control.fields import parse_description
from firstparty.control.proxy_domains import parse_own_proxy
from firstparty.control.rules import Rules
from firstparty.errors import Refused
from firstparty.model.domains import Domain, Mode, OwnProxy
from firstparty.model.identifiers import new_identifier, random_dns_token
from firstparty.model.names import (
    MAX_NAME_OCTETS,
    parse_domain_name,
    parse_label,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainRequest:
    """A domain as asked for; names and labels as typed.

    ``cdn_host``, ``api_host``, ``provider`` and ``target`` are a proxy's, and empty where they are
    not said: the hosts are those of the labels then.
    """

    name: str
    source_ids: tuple[str, ...]
    mode: Mode = Mode.DELEGATION
    cdn_label: str = "evs"
    api_label: str = "api"
    has_csp: bool = False
    description: str = ""
    cdn_host: str = ""
    api_host: str = ""
    provider: str = ""
    target: str = ""


def parse_request(
    asked: DomainRequest, *, workspace_id: str, rules: Rules, now: datetime
) -> Domain:
    """The domain that a request means, with a new claim's token; raises Refused."""
    cdn_label = parse_label(asked.cdn_label, field="cdn_label")
    api_label = parse_label(asked.api_label, field="api_label")
    if cdn_label == api_label:
        raise Refused(
            "labels-equal",
            "The CDN host and the API host are two hosts: give them two different labels.",
            field="api_label",
        )
    name = parse_domain_name(asked.name, rules.names)
    for label in (cdn_label, api_label):
        if len(f"{label}.{name}") > MAX_NAME_OCTETS:
            raise Refused(
                "name-too-long",
                f"{label}.{name} is longer than the {MAX_NAME_OCTETS} octets that DNS allows.",
                field="name",
            )
    return Domain(
        id=new_identifier("dom"),
        workspace_id=workspace_id,
        name=name,
        token=random_dns_token(),
        mode=asked.mode,
        cdn_label=cdn_label,
        api_label=api_label,
        source_ids=tuple(dict.fromkeys(asked.source_ids)),
        description=parse_description(asked.description, field="description"),
        has_csp=asked.has_csp,
        own_proxy=_parse_own_proxy(asked, name, (cdn_label, api_label), rules),
        created_at=now,
    )


def _parse_own_proxy(
    asked: DomainRequest, name: str, labels: tuple[str, str], rules: Rules
) -> OwnProxy | None:
    """The proxy of a request of that mode; what is said of a proxy in another is refused."""
    if asked.mode is not Mode.PROXY:
        for field in ("cdn_host", "api_host", "provider", "target"):
            if getattr(asked, field):
                raise Refused(
                    "not-of-mode",
                    f"That is for domains in the mode proxy alone: leave it out in {asked.mode}.",
                    field=field,
                )
        return None
    cdn_host, api_host = asked.cdn_host, asked.api_host
    if not (cdn_host or api_host):
        cdn_host, api_host = (f"{label}.{name}" for label in labels)
    cdn_host = cdn_host or name
    return parse_own_proxy(
        cdn_host=cdn_host,
        api_host=api_host or cdn_host,
        provider=asked.provider,
        target=asked.target,
        policy=rules.names,
    )
