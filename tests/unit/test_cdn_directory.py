import msgspec

from firstparty.cdn.directory import Directory
from firstparty.model.feed import EdgeDomain, EdgeSource, FeedEntry, Topic


def an_entry(
    key: str = "dom_1",
    *,
    revision: int = 1,
    cdn_host: str = "evs.cdp.shop.test",
    write_key: str = "WK",
) -> FeedEntry:
    domain = EdgeDomain(
        id=key,
        workspace="wsp_1",
        name="cdp.shop.test",
        cdn_host=cdn_host,
        api_host="api.cdp.shop.test",
        sources=(
            EdgeSource(
                id="src_1",
                number=1,
                type="javascript",
                write_key=write_key,
                alias="ab/cd",
                upstream="http://127.0.0.1:1",
            ),
        ),
    )
    body = msgspec.json.encode(domain)
    return FeedEntry(revision=revision, topic=Topic.EDGE, key=key, body=body)


def a_removal(key: str, *, revision: int) -> FeedEntry:
    return FeedEntry(revision=revision, topic=Topic.EDGE, key=key, body=None)


def test_a_host_is_found_whatever_its_case_and_port() -> None:
    directory = Directory(https_port=443)
    directory.apply([an_entry()])
    tenant = directory.find("EVS.cdp.shop.test:8443")

    assert tenant is not None
    assert tenant.cdn_origin == "https://evs.cdp.shop.test"
    assert tenant.api_base == "api.cdp.shop.test/v1"


def test_another_public_port_is_part_of_the_hosts() -> None:
    directory = Directory(https_port=8443)
    directory.apply([an_entry()])
    tenant = directory.find("evs.cdp.shop.test")

    assert tenant is not None
    assert tenant.cdn_origin == "https://evs.cdp.shop.test:8443"
    assert tenant.api_base == "api.cdp.shop.test:8443/v1"


def test_the_api_host_is_not_a_cdn_host() -> None:
    directory = Directory(https_port=443)
    directory.apply([an_entry()])

    assert directory.find("api.cdp.shop.test") is None
    assert directory.find("") is None


def test_a_removed_domain_is_unknown() -> None:
    directory = Directory(https_port=443)
    directory.apply([an_entry(), a_removal("dom_1", revision=2)])

    assert directory.find("evs.cdp.shop.test") is None


def test_a_domain_that_changes_its_host_leaves_the_old_one() -> None:
    directory = Directory(https_port=443)
    directory.apply([an_entry(), an_entry(revision=2, cdn_host="cdn.cdp.shop.test")])

    assert directory.find("evs.cdp.shop.test") is None
    assert directory.find("cdn.cdp.shop.test") is not None


def test_a_host_that_moved_to_another_domain_survives_the_removal_of_the_old_one() -> None:
    directory = Directory(https_port=443)
    directory.apply([an_entry("dom_1"), an_entry("dom_2", revision=2, write_key="WK2")])
    directory.apply([a_removal("dom_1", revision=3)])
    tenant = directory.find("evs.cdp.shop.test")

    assert tenant is not None
    assert list(tenant.by_write_key) == ["WK2"]


def test_an_unreadable_entry_leaves_the_earlier_one_and_the_others() -> None:
    directory = Directory(https_port=443)
    torn = FeedEntry(revision=2, topic=Topic.EDGE, key="dom_1", body=b'{"id": 7')
    directory.apply([an_entry("dom_1"), torn, an_entry("dom_2", revision=3, cdn_host="evs.b.test")])

    assert directory.find("evs.cdp.shop.test") is not None
    assert directory.find("evs.b.test") is not None
