"""The Content Security Policy that a page really has, against what a source needs of it."""

from dataclasses import dataclass

from firstparty.control.csp import PolicyCheck, SitePolicies, check_source_policy
from firstparty.control.sources import SourceView, require_facts
from firstparty.csp.page import PageFacts, read_page
from firstparty.outbound.http import SafeClient
from firstparty.outbound.pages import fetch_page


@dataclass(frozen=True, slots=True, kw_only=True)
class PageCheck:
    """What a page was found to say, where, and what that comes to for a source."""

    url: str
    site: SitePolicies
    facts: PageFacts
    check: PolicyCheck


async def check_page_policy(view: SourceView, url: str, client: SafeClient) -> PageCheck:
    """Fetch a page and check its policies; raises Refused where it cannot be fetched.

    A meta element behind the snippet does not speak of it, and is left out. Raises as
    ``check_source_policy`` does.
    """
    facts = require_facts(view)
    page = await fetch_page(client, url)
    marks = (f"/{facts.alias}.", facts.write_key, facts.cdn_origin)
    found = read_page(page.text, marks)
    site = SitePolicies(
        header=page.response.get("content-security-policy"),
        report_only=page.response.get("content-security-policy-report-only"),
        meta=", ".join(found.metas[: found.metas_before]),
        page=page.url,
        has_nonce=found.has_nonce,
    )
    return PageCheck(url=page.url, site=site, facts=found, check=check_source_policy(view, site))
