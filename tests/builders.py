"""Values for tests: each builder gives a good one, with the parts that matter passed in."""

from datetime import UTC, datetime
from typing import Any

from firstparty.model.domains import Domain
from firstparty.model.feed import EdgeDomain, EdgeSource
from firstparty.model.workspaces import Source, SourceType, Workspace

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def a_workspace(**parts: Any) -> Workspace:
    good: dict[str, Any] = {
        "id": "wsp_1",
        "name": "Shop",
        "alias": "mU51AcorMiom6E8j2m1UJi",
        "created_at": NOW,
    }
    return Workspace(**(good | parts))


def a_source(**parts: Any) -> Source:
    good: dict[str, Any] = {
        "id": "src_1",
        "number": 0,
        "workspace_id": "wsp_1",
        "name": "Web shop",
        "type": SourceType.JAVASCRIPT,
        "write_key": "WKSHOPWEB",
        "region": "us",
        "upstream": "https://upstream.test",
        "alias": "go18rexsDtdqGBkYKzwMqA",
        "created_at": NOW,
    }
    return Source(**(good | parts))


def a_domain(**parts: Any) -> Domain:
    good: dict[str, Any] = {
        "id": "dom_1",
        "workspace_id": "wsp_1",
        "name": "cdp.shop.test",
        "token": "tokenofthisclaim0001",
        "source_ids": ("src_1",),
        "created_at": NOW,
    }
    return Domain(**(good | parts))


def an_edge_source(**parts: Any) -> EdgeSource:
    good: dict[str, Any] = {
        "id": "src_1",
        "number": 1,
        "type": "javascript",
        "write_key": "WKSHOPWEB",
        "alias": "mU51AcorMiom6E8j2m1UJi/go18rexsDtdqGBkYKzwMqA",
        "upstream": "https://upstream.test",
    }
    return EdgeSource(**(good | parts))


def an_edge_domain(**parts: Any) -> EdgeDomain:
    good: dict[str, Any] = {
        "id": "dom_1",
        "workspace": "wsp_1",
        "name": "cdp.shop.test",
        "cdn_host": "evs.cdp.shop.test",
        "api_host": "api.cdp.shop.test",
        "sources": (an_edge_source(),),
    }
    return EdgeDomain(**(good | parts))
