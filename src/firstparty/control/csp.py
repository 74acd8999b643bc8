"""A source and the Content Security Policy of the site that it is on."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from firstparty.control.sources import SourceView, require_facts
from firstparty.csp.check import Change, Verdict, build_change, check_policies
from firstparty.csp.needs import (
    Need,
    build_default_needs,
    build_page_needs,
    build_pixel_needs,
    build_policy,
)
from firstparty.csp.policy import Delivery, Policy, parse_policies
from firstparty.errors import Refused
from firstparty.model.workspaces import EVERYBODY, SourceType
from firstparty.snippets.html import build_html_snippet, inline_script_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePolicies:
    """What a page says, as it was pasted: each text is empty where the page has none of it.

    ``page`` is the page's address; ``has_nonce``: the snippet's element bears the page's nonce.
    """

    header: str = ""
    report_only: str = ""
    meta: str = ""
    page: str = "https://www.example.com/"
    has_nonce: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyCheck:
    """``wanted`` is all that the source needs; the rest is about the policies that were given."""

    wanted: Policy
    verdicts: tuple[Verdict, ...]
    changes: tuple[Change, ...]

    @property
    def is_allowed(self) -> bool:
        """Whether nothing that the source needs is blocked."""
        return all(verdict.is_allowed for verdict in self.verdicts)


def check_source_policy(view: SourceView, site: SitePolicies) -> PolicyCheck:
    """What a source needs of its site's policy, and what the policies given lack.

    Raises Conflict while the source has no domain; Refused for a source that is on no page, and
    for an address that is no page's.
    """
    _check_page(site.page)
    needs = list_source_needs(view)
    policies = (
        *parse_policies(site.header),
        *parse_policies(site.report_only, Delivery.REPORT_ONLY),
        *parse_policies(site.meta, Delivery.META),
    )
    return PolicyCheck(
        wanted=build_policy(needs),
        verdicts=check_policies(policies, needs, page=site.page, has_nonce=site.has_nonce),
        changes=tuple(
            build_change(policy, needs, page=site.page, has_nonce=site.has_nonce)
            for policy in policies
        ),
    )


def list_source_needs(view: SourceView) -> tuple[Need, ...]:
    """What the page of this source must be allowed; raises as ``check_source_policy`` does."""
    facts = require_facts(view)
    match view.source.type:
        case SourceType.JAVASCRIPT:
            needs = build_page_needs(
                inline=inline_script_of(build_html_snippet(facts)),
                script_url=facts.alias_url,
                cdn_origin=facts.cdn_origin,
                api_origin=facts.api_origin,
                write_key=facts.write_key,
                destinations=view.device_mode,
            )
            return needs + _list_default_needs(view)
        case SourceType.PIXEL:
            return build_pixel_needs(pixel_url=facts.pixel_url, api_origin=facts.api_origin)
        case _:
            raise Refused(
                "source-on-no-page",
                f"{view.source.name} is a source of type {view.source.type}, which sends from "
                "outside a page: no Content Security Policy concerns it.",
            )


def _list_default_needs(view: SourceView) -> tuple[Need, ...]:
    """What the page must allow beside, while any of its visitors is sent to the default hosts."""
    if view.source.share == EVERYBODY:
        return ()
    return build_default_needs(
        cdn_origin=view.default_hosts.cdn_origin,
        api_origin=view.default_hosts.api_origin,
        write_key=view.source.write_key,
    )


def _check_page(page: str) -> None:
    try:
        parts = urlsplit(page)
        is_page = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_page = False
    if not is_page:
        raise Refused(
            "bad-page",
            "The page's address must be like https://www.shop.com/: http or https, and a host.",
            field="page",
        )
