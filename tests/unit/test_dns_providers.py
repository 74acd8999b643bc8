import dns.rdatatype
import dns.zone
import pytest

from firstparty.control.dns_providers import list_dns_providers, write_records
from firstparty.errors import Refused
from firstparty.model.domains import Mode, build_records
from tests.builders import a_domain

NAME = "cdp.shop.co.uk"
RECORDS = build_records(a_domain(name=NAME), "fp.example.net")


def test_a_zone_file_is_one_that_a_nameserver_reads() -> None:
    text = write_records(RECORDS, domain=NAME, provider="zone").text
    zone = dns.zone.from_text(text, origin="shop.co.uk.", check_origin=False, relativize=False)
    found = zone.get_rdataset(f"{NAME}.", dns.rdatatype.NS)

    assert found is not None
    assert {str(one) for one in found} == {record.value for record in RECORDS}


@pytest.mark.parametrize("provider", list_dns_providers())
@pytest.mark.parametrize("mode", Mode)
def test_every_provider_is_told_the_same_records(provider: str, mode: Mode) -> None:
    records = build_records(a_domain(name=NAME, mode=mode), "fp.example.net")
    written = write_records(records, domain=NAME, provider=provider)
    names = {
        one.name.removesuffix(".").removesuffix(".shop.co.uk") + ".shop.co.uk."
        for one in written.records
    }

    assert written.zone == "shop.co.uk"
    assert names == {record.name for record in records}
    assert {one.value.removesuffix(".") + "." for one in written.records} == {
        record.value for record in records
    }
    assert "{" not in written.text


def test_cloudflare_gets_relative_names_and_the_grey_cloud() -> None:
    text = write_records(RECORDS, domain=NAME, provider="cloudflare").text

    assert "Name:  cdp\n" in text
    assert "grey cloud" in text
    assert "fp.example.net." not in text


def test_an_unknown_provider_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(Refused, match="route53") as refused:
        write_records(RECORDS, domain=NAME, provider="nobody")

    assert refused.value.code == "provider-unknown"
